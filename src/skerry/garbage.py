"""Python's collector of garbage, while a program starts."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Nothing is collected while the block imports, and what it made is never looked at again.

    Modules stay to the end of the process: walking through them over and over, and once more at its end, is
    up to a third of the processor time of a short command.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
