"""Lines on their way into log streams: bounded, in the order in which they came."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from skerry.local.ports.running import Clock

LINES = 10_000
BYTES = 8 << 20
"""Most that waits to be written; of more, the oldest goes."""
ENOUGH = 500
"""Lines that are better written than kept."""
_ENTRY = 64
"""What a line costs besides its text."""

_log = logging.getLogger("skerry.local")


class Place(NamedTuple):
    """A log stream; without a `region` it is in the stack's own."""

    group: str
    stream: str
    region: str = ""


class Lines:
    """What waits to be written. On one event loop; nothing here waits.

    `wake` is called when it is time to write.
    """

    def __init__(
        self, clock: Clock, wake: Callable[[], None], *, lines: int = LINES, size: int = BYTES
    ) -> None:
        self.wake = wake
        self._clock = clock
        self._most_lines = lines
        self._most_bytes = size
        self._waiting: deque[tuple[Place, int, str]] = deque()
        self._size = 0
        self._lost = 0
        self._begun: dict[Place, None] = {}

    def begin(self, place: Place) -> None:
        """The stream is there even if nothing is printed to it."""
        self._begun[place] = None
        if len(self._begun) >= ENOUGH:
            self.wake()

    def add(self, place: Place, text: str) -> None:
        """A line, which came now. CloudWatch has no empty messages: `text` is none."""
        self._waiting.append((place, int(self._clock.time() * 1000), text))
        self._size += len(text) + _ENTRY
        while len(self._waiting) > self._most_lines or self._size > self._most_bytes:
            self._size -= len(self._waiting.popleft()[2]) + _ENTRY
            self._lost += 1
        if len(self._waiting) >= min(ENOUGH, self._most_lines):
            self.wake()

    def drain(self) -> list[dict[str, Any]]:
        """All lines that wait, by stream in the order in which they came; then none is left."""
        waiting, self._waiting, self._size = self._waiting, deque(), 0
        begun, self._begun = self._begun, {}
        events: dict[Place, list[list[Any]]] = {place: [] for place in begun}
        for place, milliseconds, text in waiting:
            events.setdefault(place, []).append([milliseconds, text])
        if self._lost:
            _log.warning("%d lines of programs came too fast for the embedded cloud's logs", self._lost)
            self._lost = 0
        return [{**place._asdict(), "events": lines} for place, lines in events.items()]
