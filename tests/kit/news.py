"""Waiting for something to hold: it is looked at whenever something happens, and never because time passed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

WITHIN = 10.0
"""Seconds that a test waits for what should happen at once; a busy machine takes its share of them."""


class News:
    """Something happened, or not yet. For one event loop."""

    def __init__(self) -> None:
        self._next: asyncio.Future[None] | None = None

    def __call__(self) -> None:
        """Something happened: whoever waits looks again."""
        if self._next is not None:
            self._next.set_result(None)
            self._next = None

    async def until(
        self, holds: Callable[[], bool], complaint: Callable[[], str], *, within: float = WITHIN
    ) -> None:
        """Waits until it holds. Raises AssertionError with the complaint when that takes too long."""
        try:
            async with asyncio.timeout(within):
                while not holds():
                    self._next = self._next or asyncio.get_running_loop().create_future()
                    await asyncio.shield(self._next)
        except TimeoutError:
            raise AssertionError(f"after {within} s: {complaint()}") from None
