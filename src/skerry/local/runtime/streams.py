"""Answers whose end is not known when they begin: a stream lasts an hour at most.

Source: AWS developer guide, runtime quotas (streaming, at most 60 minutes). What AWS sends at the end is not
known; here the stream is cut, so that no client takes what it got for the whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from skerry.local.ports.running import Clock


class Streams:
    """The streams under way. `lifetime` is what each may take, in seconds."""

    def __init__(self, lifetime: float, clock: Clock) -> None:
        self.lifetime = lifetime
        self._clock = clock
        self._live: dict[asyncio.Timeout, float] = {}

    @asynccontextmanager
    async def bounded(self) -> AsyncIterator[None]:
        """Around one stream. Raises TimeoutError from within when its time is over."""
        async with asyncio.timeout(None) as limit:
            self._live[limit] = self._clock.monotonic()
            try:
                yield
            finally:
                del self._live[limit]

    @property
    def live(self) -> int:
        """How many there are."""
        return len(self._live)

    def sweep(self) -> None:
        """Ends streams whose time is over. To be called about once a second."""
        now = self._clock.monotonic()
        for limit, began in self._live.items():
            if now - began >= self.lifetime and not limit.expired():
                limit.reschedule(asyncio.get_running_loop().time())
