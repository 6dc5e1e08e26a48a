"""How often one source may do something that costs us storage, or somebody else a request."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

SOURCES = 1024


class SourceLimit:
    """At most `limit` times within `window` seconds for each source; `clock` is monotonic seconds.

    In memory, for the 1024 sources that came last.
    """

    def __init__(self, *, clock: Callable[[], float], limit: int = 60, window: float = 60.0) -> None:
        self._clock = clock
        self._limit = limit
        self._window = window
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, source: str) -> float:
        """0 when the source may go on, and counts it; else the seconds until it may."""
        now = self._clock()
        times = self._times.setdefault(source, deque())
        self._times.move_to_end(source)
        while len(self._times) > SOURCES:
            self._times.popitem(last=False)
        while times and now >= times[0] + self._window:
            times.popleft()
        if len(times) >= self._limit:
            return times[0] + self._window - now
        times.append(now)
        return 0.0
