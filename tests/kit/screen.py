"""A terminal's screen as far as our own output needs it: what a person sees, and what was done to show it.

    screen = Screen(width=72, height=30)
    screen.feed(console.file.getvalue())
    screen.text()          # with what has scrolled off
    screen.clears          # how often the whole screen was cleared

It knows the control sequences that rich, prompt_toolkit and we send, and raises for any other: then a test
would be looking at something else than a person does.
"""

from __future__ import annotations

import re
import unicodedata

_TOKEN = re.compile(
    r"\x1b\[(?P<csi>[?>=]?[0-9;]*)(?P<final>[A-Za-z@`])"
    r"|\x1b\](?P<osc>[^\x07\x1b]*)(?:\x07|\x1b\\)"
    r"|\x1bP(?P<dcs>[^\x1b]*)\x1b\\"
    r"|\x1b_(?P<apc>[^\x1b]*)\x1b\\"
    r"|\x1b(?P<esc>[=>78])"
    r"|(?P<char>[\s\S])"
)


class Screen:
    """A screen of `width` by `height`, with everything that scrolled off above it."""

    def __init__(self, width: int = 80, height: int = 24) -> None:
        self.width = width
        self.height = height
        self.lines: list[list[str]] = [[]]
        self.top = 0
        self.row = 0
        self.column = 0
        self.clears = 0
        self.pictures: list[str] = []
        self._wraps = False
        self._rest = ""

    def feed(self, text: str) -> None:
        """Shows what a program wrote; a sequence may be cut anywhere."""
        text, self._rest = self._rest + text, ""
        position = 0
        while position < len(text):
            found = _TOKEN.match(text, position)
            assert found is not None
            if found["char"] == "\x1b":  # the beginning of a sequence whose end is still to come
                self._rest = text[position:]
                assert len(self._rest) < 1_000_000
                return
            self._take(found)
            position = found.end()

    def text(self) -> str:
        """All lines, without blanks at their ends."""
        return "\n".join("".join(line).rstrip() for line in self.lines).rstrip()

    def visible(self) -> str:
        """The lines on the screen."""
        return "\n".join("".join(line).rstrip() for line in self.lines[self.top :])

    def _take(self, found: re.Match[str]) -> None:
        if (final := found["final"]) is not None:
            self._control(found["csi"], final)
        elif found["dcs"] is not None or found["apc"] is not None:
            self.pictures.append(found[0])
        elif (char := found["char"]) is not None:
            self._put(char)

    def _put(self, char: str) -> None:
        if char == "\n":
            self._wraps = False
            self.column = 0  # as a terminal does behind a tty that maps it to CR LF
            self._down()
        elif char == "\r":
            self._wraps, self.column = False, 0
        elif char == "\x08":
            self._wraps, self.column = False, max(0, self.column - 1)
        elif char == "\x07":
            pass
        else:
            self._char(char)

    def _char(self, char: str) -> None:
        cells = 0 if unicodedata.combining(char) or unicodedata.category(char) in ("Cf", "Mn") else 1
        if unicodedata.east_asian_width(char) in "WF":
            cells = 2
        if cells and (self._wraps or self.column + cells > self.width):
            self._wraps, self.column = False, 0
            self._down()
        line = self._line()
        if not cells:
            if line:
                line[-1] += char
            return
        line.extend([" "] * (self.column + cells - len(line)))
        line[self.column : self.column + cells] = [char] + [""] * (cells - 1)
        self.column += cells
        if self.column >= self.width:
            self.column, self._wraps = self.width - 1, True

    def _line(self) -> list[str]:
        return self.lines[self.row]

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append([])
        self.top = max(self.top, self.row - self.height + 1)

    def _control(self, arguments: str, final: str) -> None:
        self._wraps = self._wraps and final in "mhl"
        numbers = [int(part) if part.isdigit() else 0 for part in arguments.lstrip("?>=").split(";")]
        count = max(1, numbers[0])
        if final == "A":
            self.row = max(self.top, self.row - count)
        elif final == "B":
            for _ in range(count):
                self._down()
        elif final == "C":
            self.column = min(self.width - 1, self.column + count)
        elif final == "D":
            self.column = max(0, self.column - count)
        elif final == "G":
            self.column = count - 1
        elif final == "K":
            assert numbers[0] in (0, 2), arguments
            del self._line()[0 if numbers[0] == 2 else self.column :]
        elif final == "J":
            if numbers[0] == 2:
                self.clears += 1
                del self.lines[self.top :]
                self.lines.append([])
                self.row = self.top
            else:
                del self._line()[self.column :]
                del self.lines[self.row + 1 :]
        elif final == "H":
            self.clears += 1
            self.row, self.column = self.top, 0
        else:
            assert final in "mhlnrqu", f"unknown sequence ESC [ {arguments} {final}"
