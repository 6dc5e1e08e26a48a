"""The sessions of modern clients at a legacy server, one for each set of capabilities.

Bounded: the session that was idle longest makes room, one that is in use never does.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from skerry.relay.faces.calls import Errands
from skerry.relay.faces.clock import Clock
from skerry.relay.faces.legacy_session import LegacySession
from skerry.relay.ports import RelayError

_CLOSING = 30.0

OpenSession = Callable[[Mapping[str, Any], Mapping[str, Any] | None], Coroutine[Any, Any, LegacySession]]
"""A new session with these client capabilities and this client information."""


@dataclass(slots=True, eq=False)
class Place:
    """A session in the pool, from its opening on. Who took it gives it back with `SessionPool.release`."""

    opening: asyncio.Task[LegacySession]
    users: int = 0
    idle_since: float = 0.0
    gone: bool = False
    closing: bool = False
    check: asyncio.Task[None] | None = None

    @property
    def session(self) -> LegacySession:
        """The session, once it is open."""
        return self.opening.result()

    @property
    def open(self) -> bool:
        """Whether there is a session."""
        return self.opening.done() and not self.opening.cancelled() and self.opening.exception() is None


class SessionPool:
    """Up to `bound` sessions; one that nobody uses is closed after `idle` seconds.

    `known` is the last one that was opened, or used: what the server says in its handshake holds for all.
    """

    def __init__(
        self, opened: OpenSession, errands: Errands, *, clock: Clock, bound: int, idle: float
    ) -> None:
        self._opened = opened
        self._errands = errands
        self._clock = clock
        self._bound = bound
        self._idle = idle
        self.known: LegacySession | None = None
        self._places: dict[str, Place] = {}
        self._leaving: set[Place] = set()

    def __len__(self) -> int:
        return len(self._places)

    @property
    def server_info(self) -> dict[str, Any] | None:
        """What the server calls itself."""
        return self.known.info if self.known is not None else None

    async def acquire(self, capabilities: Mapping[str, Any], info: Mapping[str, Any] | None) -> Place:
        """The session for these capabilities, opened where there is none. Raises RelayError."""
        key = hashlib.sha256(json.dumps(capabilities, sort_keys=True).encode()).hexdigest()
        while True:
            place = self._places.get(key)
            if place is None:
                self._make_room()
                task = asyncio.get_running_loop().create_task(self._opened(capabilities, info))
                task.add_done_callback(_read)
                place = self._places[key] = Place(task)
            place.users += 1
            try:
                self.known = await asyncio.shield(place.opening)
                if place.check is not None:
                    await asyncio.shield(place.check)
            except (RelayError, asyncio.CancelledError):
                if place.opening.cancelled() or (place.opening.done() and not place.open):
                    self._forget(place)
                self.release(place)
                if place.opening.cancelled():
                    raise RelayError("closed", "The connection to the server is closed.") from None
                raise
            if not place.gone:
                return place
            self.release(place)

    def release(self, place: Place) -> None:
        """Gives a session back."""
        place.users -= 1
        place.idle_since = self._clock.monotonic()
        if not place.users:
            self._leaving.discard(place)
            if place.gone and place.open:
                self._errands.run(self._close(place), _CLOSING)

    def doubt(self, place: Place, problem: RelayError) -> None:
        """After a call failed: a session that is lost is not used again, one that may be is tried."""
        if problem.reason == "lost":
            self.discard(place)
        elif problem.reason in ("closed", "unreachable") and not place.gone and place.check is None:
            place.check = self._errands.run(self._checked(place), _CLOSING)

    def discard(self, place: Place) -> None:
        """Takes a session out; it ends when its last user is gone, its listeners at once."""
        self._forget(place)
        if place.open:
            place.session.following.end()
            if not place.users:
                self._errands.run(self._close(place), _CLOSING)

    def sweep(self) -> None:
        """Closes what was idle for too long."""
        now = self._clock.monotonic()
        for place in list(self._places.values()):
            if not place.users and place.open and now - place.idle_since >= self._idle:
                self._evict(place)

    def sessions(self) -> list[LegacySession]:
        """The sessions that are open."""
        return [place.session for place in (*self._places.values(), *self._leaving) if place.open]

    async def close(self) -> None:
        """Ends every session."""
        places = [*self._places.values(), *self._leaving]
        self._places.clear()
        for place in places:
            place.gone = True
            if not place.opening.done():
                place.opening.cancel()
        openings = [place.opening for place in places]
        if openings:
            await asyncio.wait(openings, timeout=10.0)
        await asyncio.gather(*(self._close(place) for place in places if place.open))

    def _make_room(self) -> None:
        if len(self._places) < self._bound:
            return
        idle = [place for place in self._places.values() if not place.users and place.open]
        if not idle:
            raise RelayError(
                "throttled",
                f"{self._bound} clients with different capabilities are connected; no more fit in.",
                hint="Try again when one of them is done.",
            )
        self._evict(min(idle, key=lambda place: place.idle_since))

    def _evict(self, place: Place) -> None:
        self._forget(place)
        self._errands.run(self._close(place), _CLOSING)

    def _forget(self, place: Place) -> None:
        place.gone = True
        for key, held in list(self._places.items()):
            if held is place:
                del self._places[key]
                if place.users:
                    self._leaving.add(place)

    async def _checked(self, place: Place) -> None:
        if not await place.session.recovered():
            self.discard(place)
        place.check = None

    async def _close(self, place: Place) -> None:
        if place.closing:
            return
        place.closing = True
        await place.session.close()


def _read(task: asyncio.Task[LegacySession]) -> None:
    if not task.cancelled():
        task.exception()
