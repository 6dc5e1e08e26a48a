"""The plain face, for pipes, files and simple terminals: the answer on one side, the rest on the other."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from skerry.chat import pictures
from skerry.chat.face import CONFIRM, RESOLVED, YES, Event, Shown, ToolCalls, error_text
from skerry.chat.form import Filled, fill
from skerry.chat.known import Known
from skerry.chat.text import block_text, fold, result_blocks
from skerry.wire.shown import clean, exact


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
        self._results: list[tuple[str, str]] = []
        self._open = False

    def question(self) -> str | None:
        if self._in.isatty():
            self._out.write("> ")
            self._out.flush()
        line = self._in.readline()
        return line.rstrip("\r\n") if line else None

    def show(self, event: Event) -> None:
        if self.shown.events:
            self.note(exact(event, indent=None))
        self._calls.follow(event)
        kind, delta = event["type"], str(event.get("delta", ""))
        if kind == "RUN_STARTED":
            self._results.clear()
        elif kind == "TEXT_MESSAGE_CONTENT":
            self._write(clean(delta))
        elif kind == "REASONING_MESSAGE_CONTENT" and self.shown.thinking:
            self._dim(clean(delta))
        elif kind in ("TEXT_MESSAGE_END", "RUN_FINISHED"):
            self._end_line()
        elif kind == "REASONING_END" and self.shown.thinking:
            self._dim("\n")
        elif kind == "TOOL_CALL_END" and self.shown.tools:
            name, arguments, _ = self._calls.of(event)
            self.note(f"· {name} {arguments}".rstrip())
        elif kind == "TOOL_CALL_RESULT":
            self._result(event)
        elif kind == "RUN_ERROR" and event.get("code") not in RESOLVED:
            self._end_line()
            self._notes.write(f"error: {clean(error_text(event))}\n")

    def stopped(self) -> None:
        self._end_line()

    def confirm(self, interrupt: Event) -> bool | None:
        self.note(f"{clean(str(interrupt.get('toolName', '')))}\n{exact(interrupt.get('arguments', {}))}")
        return self.sure(CONFIRM)

    def fill(self, interrupt: Event) -> Filled | None:
        asker = clean(str(interrupt.get("toolName", "")))
        self.note(f"{asker} asks: {clean(str(interrupt.get('message', '')))}")
        if not self._in.isatty():
            return None
        schema = interrupt.get("responseSchema")
        return fill(schema if isinstance(schema, dict) else {}, self._line, self.note)

    def sure(self, text: str) -> bool | None:
        if not self._in.isatty():
            return None
        line = self._line(text, "")
        return line is not None and line.strip().lower() in YES

    def note(self, text: str) -> None:
        self._end_line()
        self._dim(f"{clean(text)}\n")

    def said(self, text: str) -> None:
        self.note(f"> {text}")

    def listing(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        table = [[" ".join(clean(cell).split()) for cell in row] for row in (heads, *rows)]
        widths = [max(len(row[column]) for row in table) for column in range(len(heads))]
        for row in table:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.note("  ".join(cells).rstrip())

    def unfold(self, number: int) -> bool:
        if not -len(self._results) <= number - 1 < len(self._results):
            return False
        name, text = self._results[number - 1]
        self.note(f"{name}\n{text}")
        return True

    def knows(self, known: Known) -> None:
        """Nothing is completed here."""

    def _line(self, text: str, default: str) -> str | None:
        """A line of the person's; None at the end of input and for Ctrl-C."""
        self._end_line()
        self._notes.write(f"{text}[{default}] " if default else text)
        self._notes.flush()
        try:
            line = self._in.readline()
        except KeyboardInterrupt:
            return None
        return line.rstrip("\r\n") if line else None

    def _result(self, event: Event) -> None:
        texts = []
        for block in result_blocks(event):
            if block.get("type") != "image":
                texts.append(block_text(block))
                continue
            self._end_line()
            data, mime = pictures.data_of(block), str(block.get("mimeType", ""))
            self._out.write(f"picture saved: {pictures.saved(data, mime, folder=self._folder)}\n")
            self._out.flush()
        if not texts:
            return
        name, _, _ = self._calls.of(event)
        whole = "\n".join(texts)
        self._results.append((name, whole))
        if self.shown.tools:
            some, left = (whole, 0) if self.shown.raw else fold(whole)
            more = f"\n… {left} more lines: /raw {len(self._results)}" if left else ""
            self.note(f"{some}{more}")

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
