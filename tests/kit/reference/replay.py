"""The memory of legacy SSE streams: what a client that comes back with `Last-Event-ID` has missed."""

from __future__ import annotations

from collections import deque

from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.types import JSONRPCMessage

KEPT = 4096


class Replay(EventStore):
    """Keeps the last events of all streams; an event's id is its number."""

    def __init__(self) -> None:
        self._events: deque[tuple[int, str, JSONRPCMessage | None]] = deque(maxlen=KEPT)
        self._last = 0

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        self._last += 1
        self._events.append((self._last, stream_id, message))
        return str(self._last)

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        """Sends what followed on the stream of that event; None for an id that is not known."""
        streams = [stream for number, stream, _ in self._events if str(number) == last_event_id]
        if not streams:
            return None
        missed = [
            (number, message)
            for number, stream, message in self._events
            if stream == streams[0] and number > int(last_event_id) and message is not None
        ]
        for number, message in missed:
            await send_callback(EventMessage(message, str(number)))
        return streams[0]
