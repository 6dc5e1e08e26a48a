"""A region at the end of the terminal that grows and changes without flicker.

Only lines that differ from what stands there are written, the new text over the old one, and nothing is ever
cleared that is not replaced at once. What is higher than the screen shows its end while it grows and is
printed whole when it is done. Each change is one write between the marks of a synchronized update, which
terminals that do not know them ignore.

Source: ECMA-48 (CUU, EL, ED); "Synchronized Output" (DEC private mode 2026).
"""

from __future__ import annotations

import re

from rich.cells import cell_len
from rich.console import Console, RenderableType

_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_TO_LINE_END, _TO_SCREEN_END = "\x1b[K", "\x1b[J"
_BELOW = f"\n{_TO_SCREEN_END}\x1b[A"
"""Clears what is below this line, and comes back to it."""
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Growing:
    """The region. `draw` shows what there is so far, `finish` leaves it for good, `clear` takes it away."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines: list[str] = []

    @property
    def is_open(self) -> bool:
        """Whether something is drawn that may still change."""
        return bool(self._lines)

    def draw(self, shown: RenderableType) -> None:
        """Shows `shown` in place of what the region held, no higher than the screen."""
        self._replace(self._rendered(shown)[-max(1, self._console.height - 1) :])

    def finish(self, shown: RenderableType) -> None:
        """Shows `shown` whole and ends the region; what follows stands below it."""
        lines = self._rendered(shown)
        if not lines:
            self.clear()
            return
        self._replace(lines)
        self._lines = []
        self._write("\n")

    def clear(self) -> None:
        """Takes the region away, as if nothing had been drawn."""
        if self._lines:
            self._write(f"{_BEGIN}{self._up(len(self._lines) - 1)}\r{_TO_SCREEN_END}{_END}")
            self._lines = []

    def _replace(self, lines: list[str]) -> None:
        before = self._lines
        same = 0
        while same < min(len(before), len(lines)) and before[same] == lines[same]:
            same += 1
        if same == len(before) == len(lines):
            return
        if not before:
            self._write(f"{_BEGIN}{self._joined(lines)}{_END}")
        elif same == len(lines):  # it became shorter
            up = self._up(len(before) - 1 - max(0, same - 1))
            self._write(f"{_BEGIN}{up}\r{self._joined(lines[max(0, same - 1) :])}{_BELOW}{_END}")
        else:
            start = "\n" if same == len(before) else self._up(len(before) - 1 - same) + "\r"
            rest = _BELOW if len(lines) < len(before) else ""
            self._write(f"{_BEGIN}{start}{self._joined(lines[same:])}{rest}{_END}")
        self._lines = lines

    def _joined(self, lines: list[str]) -> str:
        """Lines over lines: each clears what of an older, longer one would be left.

        One as wide as the screen leaves nothing, and a clearing behind it would take its last character.
        """
        width = self._console.width
        wide = (cell_len(_STYLE.sub("", line)) >= width for line in lines)
        return "\n".join(
            line if full else f"{line}{_TO_LINE_END}" for line, full in zip(lines, wide, strict=True)
        )

    def _up(self, count: int) -> str:
        return f"\x1b[{count}A" if count > 0 else ""

    def _rendered(self, shown: RenderableType) -> list[str]:
        with self._console.capture() as captured:
            self._console.print(shown)
        return [line.rstrip(" ") for line in captured.get().rstrip("\n").split("\n")]

    def _write(self, text: str) -> None:
        self._console.file.write(text)
        self._console.file.flush()
