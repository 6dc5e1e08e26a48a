"""What the rich face is made of: panels of results, markdown, and where a growing text may be cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.json import JSON
from rich.markdown import Markdown, TableElement
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from skerry.chat.text import fold, short


@dataclass(frozen=True, slots=True)
class Result:
    """A tool's result, of text that was cleaned."""

    title: str
    arguments: str
    text: str
    failed: bool

    def panel(self, unfolds: str = "") -> Panel:
        """The call with its result: whole, or folded with the command that unfolds it."""
        text, left = fold(self.text) if unfolds else (self.text, 0)
        arguments = short(self.arguments, 400) if unfolds else self.arguments
        parts: list[RenderableType] = [Text(arguments, style="dim")] if arguments else []
        if text:
            parts.append(_rendered(short(text) if unfolds else text))
        if left:
            parts.append(Text(f"… {left} more lines · {unfolds} shows them", style="dim italic"))
        border = "red" if self.failed else "cyan"
        return Panel(Group(*parts), title=Text(self.title), title_align="left", border_style=border)


def markdown(text: str) -> Markdown:
    """Links show where they lead: a name alone could hide it."""
    return _Markdown(text, hyperlinks=False)


class _Table(TableElement):
    """What is too wide for its column goes on in the next line: an id that is cut is of no use."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for part in super().__rich_console__(console, options):
            if isinstance(part, Table):
                for column in part.columns:
                    column.overflow = "fold"
            yield part


class _Markdown(Markdown):
    elements: ClassVar = {**Markdown.elements, "table_open": _Table}


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
    if text[:1] in ("{", "["):
        try:
            return JSON(text)
        except ValueError:
            return Text(text)
    return Text(text)
