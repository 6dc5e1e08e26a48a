"""Limits failed client authentication (OAuth 2.1 section 2.4.1: protect secrets against guessing)."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable

MOST = 4096


class Attempts:
    """Counts failures per key: after `limit` within `window` seconds, nobody may try until one ages out.

    A success does not wipe the count, or a guesser could hide behind the real client. In memory, for `MOST`
    keys: beyond that the one that failed longest ago is forgotten. `clock` is monotonic seconds.
    """

    def __init__(self, *, clock: Callable[[], float], limit: int = 10, window: float = 60.0) -> None:
        self._clock = clock
        self._limit = limit
        self._window = window
        self._failures: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def wait(self, key: Hashable) -> float:
        """Seconds until `key` may try again; 0 when it may now."""
        failures = self._failures.get(key)
        if not failures:
            return 0.0
        now = self._clock()
        while failures and now >= failures[0] + self._window:
            failures.popleft()
        return failures[0] + self._window - now if len(failures) >= self._limit else 0.0

    def failed(self, key: Hashable) -> None:
        """Notes a failure of `key`."""
        self._failures.setdefault(key, deque(maxlen=self._limit)).append(self._clock())
        self._failures.move_to_end(key)
        while len(self._failures) > MOST:
            self._failures.popitem(last=False)
