"""The port of a conversation: what both chats need of an agent, wherever and however it runs.

Implementations are in `doors/`: an agent runtime behind InvokeAgentRuntime, and the agent's web service. The
agent works on the server: closing an iterator only stops listening, `cancel` stops the answer, and `attach`
listens again.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from skerry.errors import RemoteError

Event = dict[str, Any]
"""An AG-UI event as it came."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A person's answer to an open question of the agent.

    `content` holds the fields of a form that a server asked for; None for a plain yes or no. `cancelled`
    says that the person went away from the question without an answer.
    """

    interrupt_id: str
    approved: bool
    content: Mapping[str, Any] | None = None
    cancelled: bool = False

    def to_wire(self) -> dict[str, Any]:
        """The entry of `resume`."""
        payload: dict[str, Any] = {"approved": self.approved}
        if self.content is not None:
            payload["content"] = dict(self.content)
        status = "cancelled" if self.cancelled else "resolved"
        return {"interruptId": self.interrupt_id, "status": status, "payload": payload}


@dataclass(frozen=True, slots=True)
class Summary:
    """A conversation in a list; times are seconds since the epoch."""

    id: str
    title: str
    created: float
    updated: float
    count: int


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of conversations, newest first; an empty cursor is the end."""

    conversations: Sequence[Summary]
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A conversation as the agent keeps it.

    `messages` are `{number, role, content, created, metadata}` with content blocks as in TOOL_CALL_RESULT;
    `interrupts` the open questions; `run` the id of a run under way, or empty.
    """

    summary: Summary
    messages: Sequence[Mapping[str, Any]]
    interrupts: Sequence[Event] = ()
    run: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool of the agent; `asks` says whether a call needs a confirmation."""

    name: str
    description: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)
    asks: bool = True


class NotOfferedError(RemoteError):
    """The agent does not know what was asked of it: it is another kind of agent. Questions still work."""


class BrokenError(RemoteError):
    """The connection broke off in the middle of an answer. The run goes on; `attach` listens again."""


class Backend(Protocol):
    """An agent. Methods raise SkerryError with what to do next; nothing is sent twice that may have acted.

    `region` is the one of the client context: where tools look by default. A person may set it.
    """

    name: str
    region: str

    def ask(
        self, conversation: str, prompt: str, *, preferences: Mapping[str, Any] | None = None
    ) -> Generator[Event]:
        """Sends a question and gives the events of its run as they arrive."""
        ...

    def answer(
        self, conversation: str, replies: Sequence[Reply], *, preferences: Mapping[str, Any] | None = None
    ) -> Generator[Event]:
        """Answers open questions; without replies the run says which are open."""
        ...

    def attach(self, conversation: str, run: str, *, after: int = 0) -> Generator[Event]:
        """The events of a run under way, or just over, beyond the first `after` ones."""
        ...

    def cancel(self, conversation: str, run: str) -> bool:
        """Stops a run on the server. Returns whether it was under way."""
        ...

    def conversations(self, *, cursor: str = "", limit: int = 20) -> Listing:
        """The caller's conversations."""
        ...

    def conversation(self, identifier: str) -> Kept:
        """One conversation with its messages."""
        ...

    def delete(self, identifier: str) -> None:
        """Deletes a conversation for good."""
        ...

    def tools(self) -> Sequence[Tool]:
        """The tools that the agent can call for this caller."""
        ...

    def close(self) -> None:
        """Ends connections."""
        ...
