"""What the programs of runtimes print, as lines for CloudWatch Logs.

Group and streams are named as AWS does: `/aws/bedrock-agentcore/runtimes/<id>-<endpoint>`, and
`<date>/[runtime-logs-<session>]<execution environment>`.

Source: AWS developer guide, view observability data (the group, `[runtime-logs]` streams); the whole name of
a stream is from field reports.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable

from skerry.local.observability.lines import Lines, Place
from skerry.local.ports.running import Clock

GROUP = "/aws/bedrock-agentcore/runtimes/"
_FORBIDDEN = str.maketrans({":": "_", "*": "_"})


class RuntimeLogs:
    """Implements `ports.Output`. On one event loop; nothing here waits."""

    def __init__(self, clock: Clock, lines: Lines) -> None:
        self._clock = clock
        self._lines = lines

    def stream(self, runtime_id: str, endpoint: str, session: str) -> Callable[[str], None]:
        """What takes the lines of a program; the stream is there even if it prints none."""
        day = dt.datetime.fromtimestamp(self._clock.time(), dt.UTC).strftime("%Y/%m/%d")
        name = f"{day}/[runtime-logs-{session.translate(_FORBIDDEN)}]{uuid.uuid4()}"
        place = Place(f"{GROUP}{runtime_id}-{endpoint}", name)
        self._lines.begin(place)

        def add(text: str) -> None:
            if text:
                self._lines.add(place, text)

        return add
