"""What a face of the conversation is: what a person sees and answers. Each face is a module of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from skerry.chat.form import Filled
from skerry.chat.known import Known

Event = Mapping[str, Any]

YES = ("y", "yes")
OPEN_QUESTION, RUN_GONE = "PENDING_INTERRUPTS", "UNKNOWN_RUN"
RESOLVED = (OPEN_QUESTION, RUN_GONE)
"""The codes of errors that the loop itself resolves: it shows the open question, or what was said."""
CONFIRM = "Run it with exactly these arguments? [y/N] "


@dataclass(slots=True)
class Shown:
    """Which parts of the events are shown; they are view filters and change nothing for the agent.

    `raw` shows results whole, `events` each event as it came.
    """

    tools: bool = True
    thinking: bool = True
    raw: bool = False
    events: bool = False


class Face(Protocol):
    """A face. The loop in `main` calls `show` with every event as it arrives."""

    shown: Shown

    def question(self) -> str | None:
        """The next question, or None when there is none any more. Raises KeyboardInterrupt."""
        ...

    def show(self, event: Event) -> None:
        """Shows one AG-UI event."""
        ...

    def stopped(self) -> None:
        """Ends whatever is half shown: the answer is over or was stopped."""
        ...

    def confirm(self, interrupt: Event) -> bool | None:
        """Asks whether a tool may run with exactly these arguments; None when nobody can be asked."""
        ...

    def fill(self, interrupt: Event) -> Filled | None:
        """Has a server's form filled in; None when nobody can be asked."""
        ...

    def sure(self, text: str) -> bool | None:
        """Asks a question of the chat's own; only a yes is one. None when nobody can be asked."""
        ...

    def note(self, text: str) -> None:
        """Says something that is not part of the answer."""
        ...

    def said(self, text: str) -> None:
        """Shows what the person said earlier in a conversation that is resumed."""
        ...

    def listing(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Shows a table; its cells may be from anywhere."""
        ...

    def unfold(self, number: int) -> bool:
        """Shows a result of the last answer whole, the last one for 0; False when there is none of it."""
        ...

    def knows(self, known: Known) -> None:
        """Takes what completion may offer."""
        ...


class ToolCalls:
    """Names, arguments and start times of the tool calls of a conversation."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._calls: dict[str, tuple[str, list[str], float]] = {}

    def follow(self, event: Event) -> None:
        identifier = str(event.get("toolCallId", ""))
        if event["type"] == "TOOL_CALL_START":
            self._calls[identifier] = (str(event.get("toolCallName", "")), [], self._clock())
        elif event["type"] == "TOOL_CALL_ARGS" and identifier in self._calls:
            self._calls[identifier][1].append(str(event.get("delta", "")))

    def name(self, event: Event) -> str:
        """The name of the tool that was called."""
        return self._calls.get(str(event.get("toolCallId", "")), ("tool", [], 0.0))[0]

    def of(self, event: Event) -> tuple[str, str, float | None]:
        """Name, arguments as JSON text, and seconds of the call; None for one that is only told again."""
        now = self._clock()
        name, arguments, started = self._calls.get(str(event.get("toolCallId", "")), ("tool", [], now))
        told = (event.get("metadata") or {}).get("replayed")
        return name, "".join(arguments), None if told else now - started


def failed(event: Event) -> bool:
    """Whether a TOOL_CALL_RESULT is that of a call that failed."""
    return (event.get("metadata") or {}).get("status") == "error"


def error_text(event: Event) -> str:
    """The text of a RUN_ERROR."""
    return f"{event.get('code', '')}: {event.get('message', '')}".removesuffix(": ")
