"""A command in a pseudo-terminal: keys for it, and the screen that a person would see.

with Terminal([sys.executable, "-m", "skerry", "chat"], environment(tmp_path)) as terminal:
    terminal.wait_for("> ")
    terminal.type("hello\\r")
"""

from __future__ import annotations

import os
import select
import struct
import subprocess
import sys
from pathlib import Path
from typing import Self

from tests.kit.screen import Screen

READY = "\x1b[?2004h"
"""What a prompt that can be typed at begins with (bracketed paste)."""
_TAKE = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"


def environment(folder: Path) -> dict[str, str]:
    """The tests' environment without anything that steers AWS or skerry, with `folder` as home."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SKERRY_", "XDG_"))
    }
    quiet = {"LOGNAME": "tester", "SKERRY_KEYRING": "0", "AWS_EC2_METADATA_DISABLED": "true"}
    return kept | quiet | {"HOME": str(folder), "TERM": "xterm-256color", "COLUMNS": "80"}


class Terminal:
    """The command and its screen. `seen` is what it wrote since the last keys."""

    def __init__(
        self, command: list[str], environment: dict[str, str], *, width: int = 80, height: int = 24
    ) -> None:
        import fcntl  # none of these three is there on Windows, where such tests are skipped
        import pty
        import termios

        self.screen = Screen(width, height)
        self.seen = ""
        self.wrote = 0
        self._passed = 0
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TAKE, *command],
            env=environment | {"COLUMNS": str(width), "LINES": str(height)},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(20)
        os.close(self._ours)

    def type(self, keys: str) -> None:
        """Presses keys; what is waited for next comes after them."""
        self.seen, self._passed = "", 0
        os.write(self._ours, keys.encode())

    def wait_for(self, text: str) -> None:
        """Waits until the command has written `text`, beyond what was waited for before."""
        while text not in self.seen[self._passed :]:
            assert self._read(), f"it ended, and {text!r} did not come:\n{self.screen.text()}"
        self._passed = self.seen.index(text, self._passed) + len(text)

    def wait_shown(self, text: str) -> None:
        """Waits until a person can see `text`."""
        while text not in self.screen.visible():
            assert self._read(), f"it ended, and {text!r} was not shown:\n{self.screen.text()}"

    def ready(self) -> None:
        """Waits for the next prompt."""
        self.wait_for(READY)

    def ask(self, line: str) -> None:
        """Types a line at a prompt that is there, and waits for the next one."""
        self.type(f"{line}\r")
        self.ready()

    def ended(self) -> int:
        """Waits for the end of the command and gives its exit code."""
        while self._read():
            pass
        return self._process.wait(20)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._ours], [], [], 45)
        assert ready, f"nothing more came:\n{self.screen.text()}\n{self.seen[-500:]!r}"
        try:
            piece = os.read(self._ours, 65_536).decode(errors="replace")
        except OSError:
            return False
        if not piece:
            return False
        if "\x1b[6n" in piece:  # prompt_toolkit asks where the cursor is
            row, column = self.screen.row - self.screen.top + 1, self.screen.column + 1
            os.write(self._ours, f"\x1b[{row};{column}R".encode())
        self.seen += piece
        self.wrote += len(piece)
        self.screen.feed(piece.replace("\r\n", "\n"))
        return True
