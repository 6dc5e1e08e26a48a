"""A call that may say something before its answer: the messages in order, then the answer.

The work of the call runs in a task of its own. What it says waits until it is read, a few messages at most,
so that a slow client slows the server.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, Literal, TypeVar

from skerry.relay.ports import RelayError
from skerry.wire.jsonrpc import Envelope

T = TypeVar("T")
BOUND = 16


class UnheardError(RelayError):
    """A question that cannot reach the client: its answer is no stream."""


class Conversation(Generic[T]):
    """The work of one call. `headers` are those for the client's answer, as far as they are known.

    With `streams` false nothing can be said before the answer: notifications are dropped, questions fail.
    """

    def __init__(
        self, work: Callable[[Conversation[T]], Coroutine[Any, Any, T]], *, streams: bool = True
    ) -> None:
        self.headers: Sequence[tuple[str, str]] = ()
        self._streams = streams
        self._begun = False
        self._waiting: deque[Envelope] = deque()
        self._moved = asyncio.Event()
        self._room = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(work(self))
        self._task.add_done_callback(self._ended)

    async def emit(self, message: Envelope) -> None:
        """Says something to the client. Raises UnheardError for a question that cannot reach it."""
        if not self._streams:
            if message.kind == "request":
                raise UnheardError("failed", "The client takes no event stream and cannot be asked.")
            return
        while len(self._waiting) >= BOUND:
            self._room.clear()
            await self._room.wait()
        self._waiting.append(message)
        self._moved.set()

    def begin(self) -> None:
        """Has the client's answer begin as a stream, although nothing was said yet."""
        self._begun = self._streams
        self._moved.set()

    async def opened(self, seconds: float) -> bool:
        """Waits for what comes first: True for a stream, also after so many seconds, False for the answer."""
        try:
            async with asyncio.timeout(seconds if self._streams else None):
                while not (self._waiting or self._begun or self._task.done()):
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            return True
        return bool(self._waiting) or self._begun

    async def next(self) -> Envelope | None:
        """The next message; None when only the answer is left. May be cancelled and asked again."""
        while not self._waiting:
            if self._task.done():
                return None
            self._moved.clear()
            await self._moved.wait()
        message = self._waiting.popleft()
        self._room.set()
        return message

    def answer(self) -> T:
        """The answer, once `next` has given None. Raises what the work raised."""
        return self._task.result()

    async def heard(self, seconds: float) -> Envelope | Literal["quiet"] | None:
        """Like `next`, but `quiet` when nothing was said for so long."""
        try:
            async with asyncio.timeout(seconds):
                return await self.next()
        except TimeoutError:
            return "quiet"

    async def close(self) -> None:
        """Ends the work if it still runs."""
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=5.0)

    def _ended(self, task: asyncio.Task[T]) -> None:
        if not task.cancelled():
            task.exception()  # read, even when nobody waits any more
        self._moved.set()
