"""The rich face: markdown as it streams, a panel for every tool call, forms, pictures.

Needs rich and prompt_toolkit (extra `client`). Text that an agent or tool sent is cleaned before rich sees
it and never read as rich's own markup.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from skerry.chat import pictures
from skerry.chat.face import CONFIRM, RESOLVED, YES, Event, Shown, ToolCalls, error_text, failed
from skerry.chat.form import Filled, fill
from skerry.chat.growing import Growing
from skerry.chat.known import Known
from skerry.chat.rich_parts import Result, markdown, split
from skerry.chat.text import block_text, result_blocks
from skerry.settings import ChatSettings
from skerry.wire.shown import clean, exact

REDRAW = 0.04
"""Seconds between two redraws of a growing block."""


class Reader(Protocol):
    """A keyboard. Lines raise EOFError at the end of input and KeyboardInterrupt."""

    known: Known | None

    def question(self, text: str) -> str:
        """A question."""
        ...

    def answer(self, text: str, default: str = "") -> str:
        """A line that is no question."""
        ...


class RichFace:
    """A face on a rich console, with a keyboard."""

    def __init__(
        self,
        console: Console,
        keys: Reader,
        *,
        terminal: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.shown = Shown()
        self._console = console
        self._keys = keys
        self._terminal = terminal
        self._clock = clock
        self._calls = ToolCalls(clock)
        self._region = Growing(console)
        self._drawn = 0.0
        self._text = ""
        self._results: list[Result] = []

    @classmethod
    def of_terminal(cls, settings: ChatSettings) -> RichFace:
        """The face of the terminal that this process has."""
        from skerry.chat.keys import Keys

        console = Console(no_color=not settings.colour)
        return cls(console, Keys(history=settings.history), terminal=settings.terminal)

    def question(self) -> str | None:
        try:
            return self._keys.question("> ")
        except EOFError:
            return None

    def show(self, event: Event) -> None:
        kind, delta = event["type"], str(event.get("delta", ""))
        if self.shown.events:
            self.note(exact(event, indent=None))
        self._calls.follow(event)
        if kind == "RUN_STARTED":
            self._results.clear()
        elif kind == "TEXT_MESSAGE_CONTENT":
            self._stream(clean(delta))
        elif kind == "REASONING_START":
            self._end_block()
        elif kind == "REASONING_MESSAGE_CONTENT" and self.shown.thinking:
            self._console.print(Text(clean(delta), style="dim italic"), end="")
        elif kind == "REASONING_END" and self.shown.thinking:
            self._console.print()
        elif kind in ("TEXT_MESSAGE_END", "RUN_FINISHED"):
            self._end_block()
        elif kind == "TOOL_CALL_END" and self.shown.tools:
            self._end_block()
            self._region.draw(Text(f"· {clean(self._calls.name(event))} …", style="dim"))
        elif kind == "TOOL_CALL_RESULT":
            self._result(event)
        elif kind == "RUN_ERROR" and event.get("code") not in RESOLVED:
            self._end_block()
            text = Text(clean(error_text(event)))
            self._console.print(Panel(text, title="error", title_align="left", border_style="red"))

    def stopped(self) -> None:
        self._end_block()

    def confirm(self, interrupt: Event) -> bool | None:
        self._end_block()
        arguments = Text(exact(interrupt.get("arguments", {})))
        name = clean(str(interrupt.get("toolName", "")))
        self._console.print(
            Panel(arguments, title=Text(f"{name} · confirm"), title_align="left", border_style="yellow")
        )
        return self.sure(CONFIRM)

    def fill(self, interrupt: Event) -> Filled | None:
        self._end_block()
        name, message = (clean(str(interrupt.get(key, ""))) for key in ("toolName", "message"))
        title = Text(f"{name} asks")
        self._console.print(Panel(Text(message), title=title, title_align="left", border_style="yellow"))
        schema = interrupt.get("responseSchema")
        return fill(schema if isinstance(schema, Mapping) else {}, self._answer, self.note)

    def sure(self, text: str) -> bool | None:
        self._end_block()
        line = self._answer(text, "")
        return line is not None and line.strip().lower() in YES

    def note(self, text: str) -> None:
        self._end_block()
        self._console.print(Text(clean(text), style="dim"))

    def said(self, text: str) -> None:
        self._end_block()
        self._console.print(Text(f"> {clean(text)}", style="bold"))

    def listing(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self._end_block()
        table = Table(box=None, header_style="bold", pad_edge=False)
        for column, head in enumerate(heads):  # what a row is called by stays whole where there is room
            longest = max((len(row[column]) for row in rows), default=0)
            table.add_column(head, no_wrap=not column and longest <= self._console.width * 5 // 8)
        for row in rows:
            table.add_row(*(Text(" ".join(clean(cell).split())) for cell in row))
        self._console.print(table)

    def unfold(self, number: int) -> bool:
        if not -len(self._results) <= number - 1 < len(self._results):
            return False
        self._end_block()
        self._console.print(self._results[number - 1].panel())
        return True

    def knows(self, known: Known) -> None:
        self._keys.known = known

    def _answer(self, text: str, default: str) -> str | None:
        """A line; None at the end of input and for Ctrl-C."""
        try:
            return self._keys.answer(text, default)
        except (EOFError, KeyboardInterrupt):
            return None

    def _stream(self, delta: str) -> None:
        """Adds to the block that is being said; what is finished of it is printed for good."""
        if not self._text and self._region.is_open:
            self._region.clear()  # a tool that has not answered
        self._text += delta
        if not self._text.strip():
            return
        done, self._text = split(self._text, self._console.height)
        if done:
            self._region.finish(markdown(done))
            self._console.print()
        elif (now := self._clock()) - self._drawn >= REDRAW:
            self._drawn = now
            self._region.draw(markdown(self._text))

    def _end_block(self) -> None:
        if self._text.strip():
            self._region.finish(markdown(self._text))
        else:
            self._region.clear()
        self._text = ""

    def _result(self, event: Event) -> None:
        self._end_block()
        name, arguments, seconds = self._calls.of(event)
        blocks = result_blocks(event)
        texts = [block_text(block) for block in blocks if block.get("type") != "image"]
        title = clean(name) if seconds is None else f"{clean(name)} · {seconds:.2f}s"
        result = Result(title, clean(arguments), clean("\n".join(texts)), failed(event))
        self._results.append(result)
        if self.shown.tools:
            number = len(self._results)
            self._console.print(result.panel("" if self.shown.raw else f"/raw {number}"))
        for block in blocks:
            if block.get("type") == "image":
                self._picture(pictures.data_of(block), str(block.get("mimeType", "")))

    def _picture(self, data: bytes, mime: str) -> None:
        shown = ""
        if self._console.is_terminal and not self._console.no_color:
            width = min(self._console.width, 80)
            shown = pictures.drawn(data, mime, terminal=self._terminal, width=width)
        if shown:
            self._console.file.write(shown)
            self._console.file.flush()
        else:
            self._console.print(Text(f"picture saved: {pictures.saved(data, mime)}"), soft_wrap=True)
