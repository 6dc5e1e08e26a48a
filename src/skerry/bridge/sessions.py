"""Sessions of legacy clients: who they are, what waits for them, and when they end.

Source: MCP up to 2025-11-25, session management (404 for an id that is not, or no longer, known).
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterator

from skerry.bridge.exchange import Stream
from skerry.bridge.programs import Owned
from skerry.relay.ports import Emit, RelayError
from skerry.wire import jsonrpc
from skerry.wire.jsonrpc import Envelope

log = logging.getLogger(__name__)

BACKLOG = 256
"""Messages that wait for a client that listens nowhere."""
BACKLOG_BYTES = 1 << 20
ANSWER = 60.0
"""Seconds that a request of the server waits for such a client, before it is refused."""


class Session:
    """One legacy client: its server, its calls in flight, its stream for what belongs to no call.

    `used` is when it was last heard of (seconds of `now`). With `streamless` the client has no GET stream,
    so that what waits goes out with its next call.
    """

    def __init__(self, identifier: str, owned: Owned, *, now: float, streamless: bool) -> None:
        self.id = identifier
        self.owned = owned
        self.server = owned.server
        self.used = now
        self.ended = asyncio.Event()
        self._streamless = streamless
        self._stream: Stream | None = None
        self._replaced = asyncio.Event()
        self._emits: dict[object, Emit] = {}
        self._backlog: collections.deque[Envelope] = collections.deque()
        self._bytes = 0
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._refusals: set[asyncio.Task[None]] = set()
        self.server.listen(self.deliver)

    @property
    def busy(self) -> bool:
        """Whether calls are in flight."""
        return bool(self._emits)

    @property
    def idle(self) -> bool:
        """Whether nothing is in flight and nobody listens."""
        return not self._emits and self._stream is None

    @contextlib.contextmanager
    def calling(self, emit: Emit) -> Iterator[None]:
        """While the block runs, a call is in flight whose stream is `emit`."""
        mark = object()
        self._emits[mark] = emit
        try:
            yield
        finally:
            del self._emits[mark]

    async def deliver(self, message: Envelope) -> None:
        """Gives the client what belongs to no call: on its stream, with a call that runs, or later."""
        if self._stream is None and self._emits:
            await next(reversed(self._emits.values()))(message)
        else:
            await self.astray(message)

    async def astray(self, message: Envelope) -> None:
        """Takes what a call can no longer give to its client, because that has left the call."""
        if self._stream is None or not await self._stream.event(message):
            self.keep(message)

    def keep(self, message: Envelope) -> None:
        """Lets a message wait; the oldest ones go when there are too many."""
        self._backlog.append(message)
        self._bytes += len(message.body)
        if message.kind == "request":
            loop = asyncio.get_running_loop()
            self._timers[id(message)] = loop.call_later(ANSWER, self._expire, message)
        while len(self._backlog) > BACKLOG or (self._bytes > BACKLOG_BYTES and len(self._backlog) > 1):
            self._refuse(self._next())

    def _next(self) -> Envelope:
        message = self._backlog.popleft()
        self._bytes -= len(message.body)
        timer = self._timers.pop(id(message), None)
        if timer is not None:
            timer.cancel()
        return message

    def _expire(self, message: Envelope) -> None:
        if self._timers.pop(id(message), None) is not None:
            self._backlog.remove(message)
            self._bytes -= len(message.body)
            self._refuse(message)

    def _refuse(self, message: Envelope) -> None:
        if message.kind == "request":
            text = "The client does not listen."
            answer = jsonrpc.parse(jsonrpc.error(message.raw_id, jsonrpc.INTERNAL_ERROR, text))
            task = asyncio.create_task(self._respond(answer))
            self._refusals.add(task)
            task.add_done_callback(self._refusals.discard)

    async def _respond(self, answer: Envelope) -> None:
        with contextlib.suppress(RelayError):
            await self.server.respond(answer)

    async def catch_up(self, emit: Emit) -> None:
        """Before a call of a client without a stream: what waits goes out first."""
        while self._streamless and self._backlog:
            await emit(self._next())

    async def listen(self, stream: Stream, gone: Awaitable[object]) -> None:
        """Serves the client's GET stream until the client leaves, opens another, or the session ends."""
        self._replaced.set()
        self._replaced = replaced = asyncio.Event()
        self._stream = stream
        await stream.begin()
        while self._backlog:
            await stream.event(self._next())
        ends: list[asyncio.Future[object]] = [asyncio.ensure_future(gone)]
        ends += [asyncio.ensure_future(event.wait()) for event in (replaced, self.ended)]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
            if self._stream is stream:
                self._stream = None
            await stream.end()

    def hush(self) -> None:
        """Ends the GET stream, if there is one."""
        self._replaced.set()

    async def close(self) -> None:
        """Ends the session: its calls get an error, its own program ends."""
        self.ended.set()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        await self.owned.close()


class Sessions:
    """The sessions by id. `idle` is after how many seconds an unused one ends."""

    def __init__(self, *, idle: float, now: Callable[[], float] = time.monotonic) -> None:
        self._idle = idle
        self._now = now
        self._table: dict[str, Session] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._table)

    def all(self) -> list[Session]:
        """Every session that is open."""
        return list(self._table.values())

    def find(self, identifier: str) -> Session | None:
        """The session with this id, which counts as used."""
        session = self._table.get(identifier)
        if session is not None:
            session.used = self._now()
        return session

    def open(self, owned: Owned, identifier: str, *, streamless: bool = False) -> Session:
        """A new session. One that had the id before ends."""
        session = Session(identifier, owned, now=self._now(), streamless=streamless)
        before = self._table.pop(identifier, None)
        self._table[identifier] = session
        if before is not None:
            self._end(before)
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep())
        return session

    async def end(self, session: Session) -> None:
        """Ends a session; its id is unknown from now on."""
        if self._table.get(session.id) is session:
            del self._table[session.id]
        await session.close()

    async def make_room(self) -> bool:
        """Ends the session that has been idle the longest; False when none is idle."""
        idle = [session for session in self._table.values() if session.idle]
        if not idle:
            return False
        oldest = min(idle, key=lambda session: session.used)
        log.warning("too many sessions: an idle one ends for a new one (--max-children)")
        await self.end(oldest)
        return True

    async def close(self) -> None:
        """Ends all sessions, at the same time."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        await asyncio.gather(*(self.end(session) for session in self.all()))
        if self._closing:
            await asyncio.wait(self._closing)

    def sweep(self) -> float:
        """Ends what has been idle for too long; returns in how many seconds to look again."""
        now = self._now()
        for session in self.all():
            if not session.idle:
                session.used = now
            elif now - session.used >= self._idle:
                log.info("a session ends after %g s without use", self._idle)
                del self._table[session.id]
                self._end(session)
        oldest = min((session.used for session in self._table.values()), default=now)
        return max(oldest + self._idle - now, self._idle / 20, 0.05)

    async def _sweep(self) -> None:
        while True:  # noqa: ASYNC110  (time is what it waits for)
            await asyncio.sleep(self.sweep())

    def _end(self, session: Session) -> None:
        task = asyncio.create_task(session.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
