"""A face of the conversation: what a person sees and answers. Here the plain one, for pipes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

from skerry.chat import pictures
from skerry.chat.text import block_text, result_blocks, short
from skerry.wire.shown import clean, exact

Event = Mapping[str, Any]

YES = ("y", "yes")
OPEN_QUESTION = "PENDING_INTERRUPTS"
"""The code of the error that the loop itself resolves: it shows the open question."""


@dataclass(slots=True)
class Shown:
    """Which parts of the events are shown; they are view filters and change nothing for the agent."""

    tools: bool = True
    thinking: bool = True
    raw: bool = False


class Face(Protocol):
    """A face. The loop in `main` calls `show` with every event as it arrives."""

    shown: Shown

    def question(self) -> str | None:
        """The next question, or None when there is none any more."""
        ...

    def show(self, event: Event) -> None:
        """Shows one AG-UI event."""
        ...

    def stopped(self) -> None:
        """Ends whatever is half shown: the answer was stopped."""
        ...

    def confirm(self, interrupt: Event) -> bool | None:
        """Asks whether a tool may run with exactly these arguments; None when nobody can be asked."""
        ...

    def note(self, text: str) -> None:
        """Says something that is not part of the answer."""
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

    def of(self, identifier: str) -> tuple[str, str, float]:
        """Name, arguments as JSON text, and seconds since the call."""
        now = self._clock()
        name, arguments, started = self._calls.get(identifier, ("tool", [], now))
        return name, "".join(arguments), now - started


class PlainFace:
    """Writes the answer to `out`, everything about it to `notes`, and pictures to files in `folder`."""

    def __init__(
        self,
        *,
        source: TextIO | None = None,
        out: TextIO | None = None,
        notes: TextIO | None = None,
        colour: bool = False,
        clock: Callable[[], float] = time.monotonic,
        folder: Path | None = None,
    ) -> None:
        self.shown = Shown(thinking=False)
        self._folder = folder
        self._in = source or sys.stdin
        self._out = out or sys.stdout
        self._notes = notes or sys.stderr
        self._colour = colour
        self._calls = ToolCalls(clock)
        self._open = False

    def question(self) -> str | None:
        if self._in.isatty():
            self._out.write("> ")
            self._out.flush()
        line = self._in.readline()
        return line.rstrip("\r\n") if line else None

    def show(self, event: Event) -> None:
        if self.shown.raw:
            self.note(exact(event, indent=None))
        self._calls.follow(event)
        kind, delta = event["type"], str(event.get("delta", ""))
        if kind == "TEXT_MESSAGE_CONTENT":
            self._write(clean(delta))
        elif kind == "REASONING_MESSAGE_CONTENT" and self.shown.thinking:
            self._dim(clean(delta))
        elif kind in ("TEXT_MESSAGE_END", "RUN_FINISHED"):
            self._end_line()
        elif kind == "REASONING_END" and self.shown.thinking:
            self._dim("\n")
        elif kind == "TOOL_CALL_END" and self.shown.tools:
            name, arguments, _ = self._calls.of(str(event["toolCallId"]))
            self.note(f"· {name} {arguments}".rstrip())
        elif kind == "TOOL_CALL_RESULT":
            self._result(event)
        elif kind == "RUN_ERROR" and event.get("code") != OPEN_QUESTION:
            self._end_line()
            self._notes.write(f"error: {event.get('code', '')}: {clean(str(event.get('message', '')))}\n")

    def stopped(self) -> None:
        self._end_line()
        self.note("stopped.")

    def confirm(self, interrupt: Event) -> bool | None:
        self.note(f"{clean(str(interrupt.get('toolName', '')))}\n{exact(interrupt.get('arguments', {}))}")
        if not self._in.isatty():
            return None
        self._notes.write("Run it with exactly these arguments? [y/N] ")
        self._notes.flush()
        try:
            return self._in.readline().strip().lower() in YES
        except KeyboardInterrupt:
            return False

    def note(self, text: str) -> None:
        self._end_line()
        self._dim(f"{clean(text)}\n")

    def _result(self, event: Event) -> None:
        for block in result_blocks(event):
            if block.get("type") == "image":
                self._end_line()
                mime = str(block.get("mimeType", ""))
                self._out.write(
                    f"picture saved: {pictures.saved(pictures.data_of(block), mime, folder=self._folder)}\n"
                )
                self._out.flush()
            elif self.shown.tools:
                self.note(short(block_text(block), 400))

    def _write(self, text: str) -> None:
        if text:
            self._out.write(text)
            self._out.flush()
            self._open = not text.endswith("\n")

    def _end_line(self) -> None:
        if self._open:
            self._write("\n")

    def _dim(self, text: str) -> None:
        self._notes.write(f"\x1b[2m{text}\x1b[0m" if self._colour else text)
        self._notes.flush()
