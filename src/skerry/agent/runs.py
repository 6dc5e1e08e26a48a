"""A run as its listeners see it: events in a bounded buffer, heard by any number of listeners.

A run belongs to the server. A listener that goes away changes nothing; one that comes late hears the events
from where it says, as long as the buffer still holds them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing

from skerry.agent.errors import AgentError
from skerry.agent.events import Event, sound

MAX_EVENTS = 20_000
MAX_BYTES = 8 * 1024 * 1024
_OVERHEAD = 200  # what an event takes beside its texts, about


class LiveRun:
    """The events of one run. Everything happens on one event loop.

    `publish` numbers events from 1 and drops the oldest ones beyond the limits; `end` is the last one's, and
    `ended_at` the loop's time of it.
    """

    def __init__(self, identifier: str, *, max_events: int = MAX_EVENTS, max_bytes: int = MAX_BYTES) -> None:
        self.id = identifier
        self.listeners = 0
        self.ended = False
        self.ended_at = 0.0
        self._events: deque[Event] = deque()
        self._dropped = 0
        self._bytes = 0
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._news = asyncio.Event()

    def publish(self, event: Event) -> None:
        """Adds an event and wakes the listeners."""
        event = sound(event)
        self._events.append(event)
        self._bytes += _size(event)
        while len(self._events) > 1 and (
            len(self._events) > self._max_events or self._bytes > self._max_bytes
        ):
            self._bytes -= _size(self._events.popleft())
            self._dropped += 1
        self._news.set()
        self._news = asyncio.Event()

    def end(self) -> None:
        """No event follows."""
        self.ended, self.ended_at = True, asyncio.get_running_loop().time()
        self._news.set()

    async def listen(self, after: int = 0) -> AsyncGenerator[Event]:
        """The events beyond the first `after` ones, as they come, until the last.

        Raises AgentError UNKNOWN_RUN when some of them are no longer in the buffer.
        """
        self.listeners += 1
        try:
            while True:
                news = self._news
                while after < self._dropped + len(self._events):
                    if after < self._dropped:
                        raise gone(self.id)
                    event = self._events[after - self._dropped]
                    after += 1
                    yield event
                if self.ended:
                    return
                await news.wait()
        finally:
            self.listeners -= 1

    async def heard(self, after: int = 0) -> AsyncGenerator[Event]:
        """As `listen`; that events are gone is told as RUN_ERROR."""
        try:
            async with aclosing(self.listen(after)) as events:
                async for event in events:
                    yield event
        except AgentError as error:
            yield {"type": "RUN_ERROR", "code": error.kind, "message": str(error)}


def gone(identifier: str) -> AgentError:
    return AgentError(
        "UNKNOWN_RUN",
        f"the events of the run {identifier[:80]!r} are not here any more.",
        hint="Read the conversation instead.",
    )


def _size(event: Event) -> int:
    return _OVERHEAD + sum(len(value) for value in event.values() if isinstance(value, str))
