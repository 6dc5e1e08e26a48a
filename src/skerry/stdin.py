"""Standard input as the line to whoever started this process: it ends when that ends, in whatever way."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable


def when_it_ends(call: Callable[[], object]) -> None:
    """Calls `call` from a thread of its own when standard input ends, or at once where there is none.

    The thread reads the descriptor itself: asleep in `sys.stdin` it would hold a lock that the interpreter's
    exit needs.
    """

    def watch() -> None:
        with contextlib.suppress(OSError, ValueError):
            descriptor = sys.stdin.fileno()
            while os.read(descriptor, 65_536):
                pass
        call()

    threading.Thread(target=watch, name="watch-stdin", daemon=True).start()
