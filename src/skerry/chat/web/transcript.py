"""What a person sees of a conversation: the events of runs, and kept messages, as blocks in order.

Both ways give the same blocks, so that a page that is loaded again looks as before. Nothing is drawn here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from skerry.chat.backend import Event
from skerry.chat.replay import Said, replay
from skerry.chat.text import result_blocks

Status = Literal["running", "done", "error", "waiting", "unknown"]


@dataclass(slots=True)
class Text:
    """A part of the answer, as markdown of the model."""

    text: str = ""


@dataclass(slots=True)
class Thinking:
    """What the model thought."""

    text: str = ""


@dataclass(slots=True)
class Call:
    """A tool call. `arguments` is JSON text as it came; `seconds` is None where it was not measured."""

    id: str
    name: str
    arguments: str = ""
    status: Status = "running"
    content: Sequence[Mapping[str, Any]] = ()
    seconds: float | None = None
    began: float | None = None


@dataclass(slots=True)
class Failure:
    """Why a run ended early."""

    code: str
    message: str


Block = Text | Thinking | Call | Failure


@dataclass(slots=True)
class Question:
    """What the person asked."""

    text: str


@dataclass(slots=True)
class Answer:
    """What the agent did about a question, or about the answers to its own ones; grows while it works.

    `before` is the run that this one goes on with: its calls that waited get their results here.
    """

    run: str = ""
    before: Answer | None = field(default=None, repr=False)
    blocks: list[Block] = field(default_factory=list)
    interrupts: Sequence[Event] = ()
    usage: Mapping[str, Any] = field(default_factory=dict)
    over: bool = False
    raw: list[Event] = field(default_factory=list)
    began: float | None = None

    def feed(self, event: Event, at: float | None = None) -> None:
        """Takes the next event of the run; `at` is when it came, None where that says nothing."""
        self.raw.append(event)
        kind = str(event.get("type", ""))
        reader = _READERS.get(kind)
        if reader is not None:
            reader(self, event, at)

    def call(self, identifier: str) -> Call | None:
        """The tool call of an id, of this run or one that it goes on with."""
        for block in reversed(self.blocks):
            if isinstance(block, Call) and block.id == identifier:
                return block
        return self.before.call(identifier) if self.before is not None else None

    @property
    def failure(self) -> Failure | None:
        """Why the run ended early, if it did."""
        last = self.blocks[-1] if self.blocks else None
        return last if isinstance(last, Failure) else None

    def open_questions(self, interrupts: Sequence[Event]) -> None:
        """The agent's open questions, as a kept conversation tells them."""
        self.interrupts = list(interrupts)
        self._mark_waiting()

    def _started(self, event: Event, at: float | None) -> None:
        self.run, self.began = str(event.get("runId", "")), at

    def _text(self, event: Event, _at: float | None) -> None:
        if not self.blocks or not isinstance(self.blocks[-1], Text):
            self.blocks.append(Text())
        last = self.blocks[-1]
        assert isinstance(last, Text)
        last.text += str(event.get("delta", ""))

    def _text_end(self, _event: Event, _at: float | None) -> None:
        last = self.blocks[-1] if self.blocks else None
        if isinstance(last, Text) and last.text and not last.text.endswith("\n"):
            last.text += "\n\n"  # a later message of the same run begins its own paragraph

    def _thinking(self, event: Event, _at: float | None) -> None:
        if not self.blocks or not isinstance(self.blocks[-1], Thinking):
            self.blocks.append(Thinking())
        last = self.blocks[-1]
        assert isinstance(last, Thinking)
        last.text += str(event.get("delta", ""))

    def _call_start(self, event: Event, at: float | None) -> None:
        identifier = str(event.get("toolCallId", ""))
        self.blocks.append(Call(identifier, str(event.get("toolCallName", "")), began=at))

    def _call_arguments(self, event: Event, _at: float | None) -> None:
        call = self.call(str(event.get("toolCallId", "")))
        if call is not None:
            call.arguments += str(event.get("delta", ""))

    def _call_result(self, event: Event, at: float | None) -> None:
        identifier = str(event.get("toolCallId", ""))
        call = self.call(identifier)
        if call is None:
            call = Call(identifier, "")
            self.blocks.append(call)
        if call.status == "waiting":  # the time that a person took is not the tool's
            call.began = self.began
        metadata = event.get("metadata")
        failed = isinstance(metadata, Mapping) and metadata.get("status") == "error"
        call.status = "error" if failed else "done"
        call.content = result_blocks(event)
        if at is not None and call.began is not None:
            call.seconds = max(0.0, at - call.began)

    def _finished(self, event: Event, _at: float | None) -> None:
        outcome = event.get("outcome")
        found = outcome.get("interrupts") if isinstance(outcome, Mapping) else None
        self.interrupts = [dict(each) for each in _mappings(found)]
        usage = event.get("usage")
        self.usage = usage if isinstance(usage, Mapping) else {}
        self.end()

    def _failed(self, event: Event, _at: float | None) -> None:
        code, message = str(event.get("code") or "RUN_ERROR"), str(event.get("message", ""))
        self.end()
        self.blocks.append(Failure(code, message))

    def end(self) -> None:
        """Nothing more comes."""
        self.over = True
        for block in self.blocks:
            if isinstance(block, Call) and block.status == "running":
                block.status = "unknown"
        self._mark_waiting()

    def _mark_waiting(self) -> None:
        waiting = {str(each.get("toolCallId", "")) for each in self.interrupts}
        for block in self.blocks:
            if isinstance(block, Call) and block.status == "unknown" and block.id in waiting:
                block.status = "waiting"


_READERS = {
    "RUN_STARTED": Answer._started,  # noqa: SLF001  (the table is the class's own)
    "TEXT_MESSAGE_CONTENT": Answer._text,  # noqa: SLF001
    "TEXT_MESSAGE_END": Answer._text_end,  # noqa: SLF001
    "REASONING_MESSAGE_CONTENT": Answer._thinking,  # noqa: SLF001
    "TOOL_CALL_START": Answer._call_start,  # noqa: SLF001
    "TOOL_CALL_ARGS": Answer._call_arguments,  # noqa: SLF001
    "TOOL_CALL_RESULT": Answer._call_result,  # noqa: SLF001
    "RUN_FINISHED": Answer._finished,  # noqa: SLF001
    "RUN_ERROR": Answer._failed,  # noqa: SLF001
}

Entry = Question | Answer


def of_messages(messages: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """A kept conversation. Answers that follow each other are one: results of tools stand at their calls."""
    entries: list[Entry] = []
    for message in messages:
        for said in replay([message]):
            if isinstance(said, Said):
                entries.append(Question(said.text))
                continue
            if not entries or not isinstance(entries[-1], Answer):
                entries.append(Answer())
            answer = entries[-1]
            assert isinstance(answer, Answer)
            answer.feed(said)
            _usage(answer, message.get("metadata"))
    for entry in entries:
        if isinstance(entry, Answer):
            entry.end()
    return entries


def _usage(answer: Answer, metadata: object) -> None:
    usage = metadata.get("usage") if isinstance(metadata, Mapping) else None
    if isinstance(usage, Mapping):
        answer.usage = usage


def _mappings(value: object) -> list[Mapping[str, Any]]:
    """The objects in a list that came over the wire."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def before_run(entries: Sequence[Entry]) -> list[Entry]:
    """The entries up to the last question: what is behind it comes with the events of the run under way."""
    for index in range(len(entries) - 1, -1, -1):
        if isinstance(entries[index], Question):
            return list(entries[: index + 1])
    return list(entries)
