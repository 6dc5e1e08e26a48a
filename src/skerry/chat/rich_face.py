"""The rich face: markdown as it streams, a panel for every tool call, line editing and history.

Needs rich and prompt_toolkit (extra `client`). Text that an agent or tool sent is cleaned before rich sees
it and never read as rich's own markup.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from rich.console import Console, Group, RenderableType
from rich.json import JSON
from rich.live import Live
from rich.markdown import Markdown
from rich.panel import Panel
from rich.text import Text

from skerry.chat import pictures
from skerry.chat.face import OPEN_QUESTION, YES, Event, Shown, ToolCalls
from skerry.chat.main import COMMANDS
from skerry.chat.text import block_text, result_blocks, short
from skerry.settings import ChatSettings
from skerry.wire.shown import clean, exact

REDRAW = 0.08
"""Seconds between two redraws of a growing block."""


class RichFace:
    """A face on a rich console.

    `ask` reads a question and `decide` the answer to a confirmation; both get the text to ask with and
    raise EOFError at the end of input and KeyboardInterrupt.
    """

    def __init__(
        self,
        console: Console,
        ask: Callable[[str], str],
        decide: Callable[[str], str],
        *,
        terminal: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.shown = Shown()
        self._console = console
        self._ask = ask
        self._decide = decide
        self._terminal = terminal
        self._clock = clock
        self._calls = ToolCalls(clock)
        self._drawn = 0.0
        self._text = ""
        self._live: Live | None = None

    @classmethod
    def of_terminal(cls, settings: ChatSettings) -> RichFace:
        """The face of the terminal that this process has."""
        history: History = InMemoryHistory()
        if settings.history is not None:
            settings.history.touch(mode=0o600)
            history = FileHistory(str(settings.history))
        session: PromptSession[str] = PromptSession(
            history=history,
            completer=WordCompleter(list(COMMANDS), sentence=True),
            complete_while_typing=False,
        )
        decisions: PromptSession[str] = PromptSession()  # a yes is not part of the history
        console = Console(no_color=not settings.colour)
        return cls(console, session.prompt, decisions.prompt, terminal=settings.terminal)

    def question(self) -> str | None:
        try:
            return self._ask("> ")
        except EOFError:
            return None

    def show(self, event: Event) -> None:
        kind, delta = event["type"], str(event.get("delta", ""))
        if self.shown.raw:
            self.note(exact(event, indent=None))
        self._calls.follow(event)
        if kind == "TEXT_MESSAGE_CONTENT":
            self._stream(clean(delta))
        elif kind == "REASONING_MESSAGE_CONTENT" and self.shown.thinking:
            self._console.print(Text(clean(delta), style="dim italic"), end="")
        elif kind == "REASONING_END" and self.shown.thinking:
            self._console.print()
        elif kind in ("TEXT_MESSAGE_END", "RUN_FINISHED"):
            self._end_block()
        elif kind == "TOOL_CALL_RESULT":
            self._result(event)
        elif kind == "RUN_ERROR" and event.get("code") != OPEN_QUESTION:
            self._end_block()
            text = f"{event.get('code', '')}: {clean(str(event.get('message', '')))}"
            self._console.print(Panel(Text(text), title="error", title_align="left", border_style="red"))

    def stopped(self) -> None:
        self._end_block()
        self.note("stopped.")

    def confirm(self, interrupt: Event) -> bool | None:
        self._end_block()
        arguments = Text(exact(interrupt.get("arguments", {})))
        name = clean(str(interrupt.get("toolName", "")))
        self._console.print(
            Panel(arguments, title=Text(f"{name} · confirm"), title_align="left", border_style="yellow")
        )
        try:
            return self._decide("Run it with exactly these arguments? [y/N] ").strip().lower() in YES
        except (EOFError, KeyboardInterrupt):
            return False

    def note(self, text: str) -> None:
        self._end_block()
        self._console.print(Text(clean(text), style="dim"))

    def _stream(self, delta: str) -> None:
        """Adds to the block that is being said; only its last lines stay live, so that it never repeats."""
        self._text += delta
        if not self._text.strip():
            return
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
            self._live.start()
        done, self._text = split(self._text, self._console.height)
        self._live.update(Markdown(self._text))
        if done:
            self._live.console.print(Markdown(done))
        elif (now := self._clock()) - self._drawn >= REDRAW:
            self._drawn = now
            self._live.refresh()

    def _end_block(self) -> None:
        if self._live is not None:
            self._live.update(Markdown(self._text))
            self._live.stop()
            self._live = None
        self._text = ""

    def _result(self, event: Event) -> None:
        self._end_block()
        name, arguments, seconds = self._calls.of(str(event.get("toolCallId", "")))
        failed = (event.get("metadata") or {}).get("status") == "error"
        blocks = result_blocks(event)
        if self.shown.tools:
            parts: list[RenderableType] = [Text(clean(arguments), style="dim")] if arguments else []
            parts += [_rendered(short(block_text(block))) for block in blocks if block.get("type") != "image"]
            title = Text(f"{clean(name)} · {seconds:.2f}s")
            self._console.print(
                Panel(
                    Group(*parts), title=title, title_align="left", border_style="red" if failed else "cyan"
                )
            )
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


def split(text: str, height: int) -> tuple[str, str]:
    """What of a growing markdown text can be printed for good, and what must stay live.

    Cuts at a paragraph's end once the text is higher than half the screen, never inside a fenced block or
    a table.
    """
    if text.count("\n") < max(4, height // 2):
        return "", text
    position = text.rfind("\n\n")
    if position <= 0 or text[:position].count("```") % 2:
        return "", text
    return text[:position], text[position + 2 :]


def _rendered(text: str) -> RenderableType:
    cleaned: Any = clean(text)
    if cleaned[:1] in ("{", "["):
        try:
            return JSON(cleaned)
        except ValueError:
            return Text(cleaned)
    return Text(cleaned)
