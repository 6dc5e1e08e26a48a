"""What the programs of runtimes print, as lines for CloudWatch Logs.

Group and streams are named as AWS does: `/aws/bedrock-agentcore/runtimes/<id>-<endpoint>`, and
`<date>/[runtime-logs-<session>]<execution environment>`.

Source: AWS developer guide, view observability data (the group, `[runtime-logs]` streams); the whole name of
a stream is from field reports.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

from skerry.local.ports.running import Clock

GROUP = "/aws/bedrock-agentcore/runtimes/"
LINES = 10_000
BYTES = 8 << 20
"""Most that waits to be written; of more, the oldest goes."""
ENOUGH = 500
"""Lines that are better written than kept."""
_ENTRY = 64
"""What a line costs besides its text."""

_FORBIDDEN = str.maketrans({":": "_", "*": "_"})
_log = logging.getLogger("skerry.local")


class RuntimeLogs:
    """Implements `ports.Output`. On one event loop; nothing here waits.

    `wake` is called when it is time to write.
    """

    def __init__(
        self, clock: Clock, wake: Callable[[], None], *, lines: int = LINES, size: int = BYTES
    ) -> None:
        self._clock = clock
        self._wake = wake
        self._most_lines = lines
        self._most_bytes = size
        self._waiting: deque[tuple[tuple[str, str], int, str]] = deque()
        self._size = 0
        self._lost = 0
        self._begun: dict[tuple[str, str], None] = {}

    def stream(self, runtime_id: str, endpoint: str, session: str) -> Callable[[str], None]:
        """What takes the lines of a program; the stream is there even if it prints none."""
        day = dt.datetime.fromtimestamp(self._clock.time(), dt.UTC).strftime("%Y/%m/%d")
        name = f"{day}/[runtime-logs-{session.translate(_FORBIDDEN)}]{uuid.uuid4()}"
        place = (f"{GROUP}{runtime_id}-{endpoint}", name)
        self._begun[place] = None
        if len(self._begun) >= ENOUGH:
            self._wake()

        def add(text: str) -> None:
            if text:  # CloudWatch has no empty messages
                self._add(place, text)

        return add

    def drain(self) -> list[dict[str, Any]]:
        """All lines that wait, by stream in the order in which they came; then none is left."""
        waiting, self._waiting, self._size = self._waiting, deque(), 0
        begun, self._begun = self._begun, {}
        events: dict[tuple[str, str], list[list[Any]]] = {place: [] for place in begun}
        for place, milliseconds, text in waiting:
            events.setdefault(place, []).append([milliseconds, text])
        if self._lost:
            _log.warning("%d lines of agents came too fast for the embedded cloud's logs", self._lost)
            self._lost = 0
        return [
            {"group": group, "stream": stream, "events": lines} for (group, stream), lines in events.items()
        ]

    def _add(self, place: tuple[str, str], text: str) -> None:
        self._waiting.append((place, int(self._clock.time() * 1000), text))
        self._size += len(text) + _ENTRY
        while len(self._waiting) > self._most_lines or self._size > self._most_bytes:
            self._size -= len(self._waiting.popleft()[2]) + _ENTRY
            self._lost += 1
        if len(self._waiting) >= min(ENOUGH, self._most_lines):
            self._wake()
