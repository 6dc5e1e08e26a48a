"""Ctrl-C at the right moments: while waiting, never in the middle of drawing.

An exception in the middle of a redraw would leave the terminal half drawn, so a Ctrl-C that comes then is
kept until the next wait.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any


class Interrupts:
    """Takes SIGINT over for the length of a `with` block; does nothing outside the main thread."""

    def __init__(self) -> None:
        self._waiting = False
        self._pressed = False
        self._before: Any = None

    def __enter__(self) -> None:
        self._pressed = False
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._handle)

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    @contextlib.contextmanager
    def allowed(self) -> Iterator[None]:
        """A wait that Ctrl-C ends with KeyboardInterrupt, also when it was pressed before."""
        self._waiting = True
        try:
            if self._pressed:
                raise KeyboardInterrupt
            yield
        finally:
            self._waiting = False

    def forget(self) -> None:
        """What was pressed has been taken; the next press is another."""
        self._pressed = False

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  (a handler's signature)
        self._pressed = True
        if self._waiting:
            raise KeyboardInterrupt
