"""An agent on a Runtime: InvokeAgentRuntime, one invocation for everything.

A question, answers, listening again, stopping and queries are payloads of the same operation; see the
agent's page in the docs. An agent of another kind answers questions as it always did, and what it cannot
know (its conversations, its tools) raises NotOfferedError.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from skerry.chat.backend import Event, Kept, Listing, NotOfferedError, Reply, Tool
from skerry.chat.doors import bodies
from skerry.chat.doors.connection import Connection, RefusedError, Request
from skerry.chat.target import Target
from skerry.errors import RemoteError
from skerry.wire import session
from skerry.wire.headers import RUNTIME_CUSTOM_PREFIX, RUNTIME_SESSION_ID

USER_ID = f"{RUNTIME_CUSTOM_PREFIX}User-Id"


class RuntimeDoor:
    """The Backend of a runtime. `say` is told about waits."""

    def __init__(
        self,
        target: Target,
        *,
        say: Callable[[str], None] = lambda _text: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.target = target
        self.name = target.name
        self.region = target.region
        base = target.url.partition("/runtimes/")[0]
        self.connection = Connection(target.proof, base, retries_409=True, say=say, sleep=sleep)
        self._conversation = ""
        self._not_offered: set[str] = set()

    def close(self) -> None:
        self.connection.close()

    def ask(
        self, conversation: str, prompt: str, *, preferences: Mapping[str, Any] | None = None
    ) -> Generator[Event]:
        self._conversation = conversation
        yield from self._events(conversation, {"prompt": prompt}, preferences)

    def answer(
        self, conversation: str, replies: Sequence[Reply], *, preferences: Mapping[str, Any] | None = None
    ) -> Generator[Event]:
        self._conversation = conversation
        yield from self._events(conversation, {"resume": [reply.to_wire() for reply in replies]}, preferences)

    def attach(self, conversation: str, run: str, *, after: int = 0) -> Generator[Event]:
        yield from self._events(conversation, {"attach": {"runId": run, "after": after}}, reads=True)

    def cancel(self, conversation: str, run: str) -> bool:
        return bodies.was_running(self._value(conversation, "cancelled", {"cancel": run}))

    def conversations(self, *, cursor: str = "", limit: int = 20) -> Listing:
        more = {"cursor": cursor} if cursor else {}
        return bodies.listing(self._query(self._anywhere(), "conversations", limit=limit, **more))

    def conversation(self, identifier: str) -> Kept:
        body, at = self._at_home(identifier, "conversation")
        return bodies.whole(body, lambda after: self._query(at, "conversation", id=identifier, after=after))

    def delete(self, identifier: str) -> None:
        self._at_home(identifier, "delete")

    def tools(self) -> Sequence[Tool]:
        return bodies.tools(self._query(self._anywhere(), "tools"))

    def _anywhere(self) -> str:
        """The session to ask in: the one of the last question, so that no other is started for a query."""
        self._conversation = self._conversation or session.new()
        return self._conversation

    def _at_home(self, identifier: str, name: str) -> tuple[Any, str]:
        """The answer to a query about a conversation, and the session that gave it.

        Where the agent is told who asks, any session knows; where it is not, only the conversation's own.
        """
        own = "" if session.problem(identifier) else identifier
        first = self._anywhere() if self.target.named or not own else own
        try:
            return self._query(first, name, id=identifier), first
        except RefusedError as refusal:
            if refusal.kind != "NOT_FOUND" or not own or own == first or self.target.bearer:
                raise
        return self._query(own, name, id=identifier), own

    def _query(self, conversation: str, name: str, **more: Any) -> Any:
        if name in self._not_offered:
            raise self._unknown(name)
        return self._value(conversation, name, {"query": {"name": name, **more}})

    def _value(self, conversation: str, name: str, payload: dict[str, Any]) -> Any:
        """The value of the one event that answers a query."""
        for event in self._events(conversation, payload, reads=True):
            if event["type"] == "CUSTOM" and event.get("name") == name:
                return event.get("value")
            if event["type"] == "RUN_ERROR":
                kind, said = str(event.get("code", "")), str(event.get("message", ""))
                if kind == "VALIDATION_ERROR" and "prompt" in said and "query" not in said:
                    break  # an agent that knows nothing but questions
                raise RefusedError(200, kind, said)
        self._not_offered.add(name)
        raise self._unknown(name)

    def _unknown(self, name: str) -> NotOfferedError:
        return NotOfferedError(
            f"the agent {self.name} does not answer '{name}': it is another kind of agent.",
            hint="Questions work; lists, resuming and tools need skerry's own agent.",
        )

    def _events(
        self,
        conversation: str,
        payload: dict[str, Any],
        preferences: Mapping[str, Any] | None = None,
        *,
        reads: bool = False,
    ) -> Generator[Event]:
        if wrong := session.problem(conversation):
            raise RemoteError(
                f"this conversation cannot be on a runtime: {wrong}.", hint="Begin one with /new."
            )
        context = bodies.context(conversation, self.name, self.region, preferences)
        body = json.dumps({**payload, "client_context": context}).encode()
        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream, application/json",
            RUNTIME_SESSION_ID: conversation,
        }
        if self.target.user:
            headers[USER_ID] = self.target.user
        yield from self.connection.events(Request("POST", self.target.url, body, headers, reads))
