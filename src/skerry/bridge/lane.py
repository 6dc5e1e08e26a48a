"""Messages on their way to one reader, bounded: who does not read holds the others up only for a while."""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable

from skerry.wire.jsonrpc import Envelope

LIMIT = 1 << 20
"""Bytes that may wait for one reader before the program's output is held back."""
PATIENCE = 5.0
"""Seconds that one reader may hold the output back; then its messages are dropped until it reads again."""
_OVERHEAD = 256


class Gate:
    """Holds the output of a program back while a lane is full, each lane for `patience` seconds at most."""

    def __init__(
        self, pause: Callable[[], None], resume: Callable[[], None], *, patience: float = PATIENCE
    ) -> None:
        self._pause = pause
        self._resume = resume
        self._patience = patience
        self._full: dict[Lane, asyncio.TimerHandle] = {}

    def shut(self, lane: Lane) -> None:
        """The lane is full."""
        if lane not in self._full:
            if not self._full:
                self._pause()
            loop = asyncio.get_running_loop()
            self._full[lane] = loop.call_later(self._patience, self._give_up, lane)

    def open(self, lane: Lane) -> None:
        """The lane has room again, or nobody reads it any more."""
        timer = self._full.pop(lane, None)
        if timer is not None:
            timer.cancel()
            if not self._full:
                self._resume()

    def _give_up(self, lane: Lane) -> None:
        lane.stuck = True
        self.open(lane)


class Lane:
    """Messages for one reader in their order.

    `stuck` is set while the reader has been given up: it left more than `limit` bytes unread for too long.
    """

    def __init__(self, gate: Gate, *, limit: int = LIMIT) -> None:
        self.stuck = False
        self._gate = gate
        self._limit = limit
        self._items: collections.deque[Envelope] = collections.deque()
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self._ended = False

    def put(self, message: Envelope) -> bool:
        """Adds a message; False when it was dropped, because nobody reads."""
        if self.stuck or self._ended:
            return False
        self._items.append(message)
        self._size += len(message.body) + _OVERHEAD
        if self._size > self._limit:
            self._gate.shut(self)
        self._wake()
        return True

    def end(self) -> None:
        """Nothing more comes; what is there can still be read."""
        self._ended = True
        self._wake()

    def drop(self) -> None:
        """Nobody reads any more."""
        self._ended = True
        self._items.clear()
        self._gate.open(self)

    async def get(self) -> Envelope | None:
        """The next message, or None at the end. For one reader at a time."""
        while not self._items:
            if self._ended:
                return None
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        message = self._items.popleft()
        self._size -= len(message.body) + _OVERHEAD
        if self._size <= self._limit // 2:
            self.stuck = False
            self._gate.open(self)
        return message

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
