"""The log on standard error, written from a thread: who does not read it must not stop the bridge."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import queue
import threading

LINES = 10_000
"""Lines that may wait; more are dropped."""
_LAST = 0.5


class Logbook(logging.Handler):
    """A handler that never waits. `descriptor` is where its thread writes."""

    def __init__(self, descriptor: int, *, lines: int = LINES) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._descriptor = descriptor
        self._waiting: queue.Queue[bytes] = queue.Queue(lines)
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Takes a line, or drops it."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(self.format(record).encode("utf-8", "replace") + b"\n")

    def finish(self) -> None:
        """Writes what waits, as far as it is read within half a second."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(b"")
        self._thread.join(_LAST)

    def _write(self) -> None:
        with contextlib.suppress(OSError):  # nobody is there to read it
            while line := self._waiting.get():
                while line:
                    line = line[os.write(self._descriptor, line) :]


def log_to(descriptor: int, level: str) -> None:
    """Sends the log from `level` on, and uvicorn's warnings, to a file descriptor until the process ends."""
    book = Logbook(descriptor)
    for part in ("skerry", "uvicorn.error"):
        logger = logging.getLogger(part)
        logger.addHandler(book)
        logger.setLevel(level if part == "skerry" else "WARNING")
        logger.propagate = False
    atexit.register(book.finish)
