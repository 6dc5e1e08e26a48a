"""Limits failed proofs of identity (OAuth 2.1 section 2.4.1: protect secrets against guessing)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

MOST = 4096


class Attempts:
    """Counts failures per key: `limit` of them at once, then one each `window / limit` seconds.

    A leaky bucket: guesses are few, and nobody waits longer than that for the next attempt, however many
    failed before. A success does not wipe the count, or a guesser could hide behind the real client. In
    memory, for `MOST` keys: beyond that the one that failed longest ago is forgotten. `clock` is monotonic
    seconds.
    """

    def __init__(self, *, clock: Callable[[], float], limit: int = 10, window: float = 60.0) -> None:
        self._clock = clock
        self._pause = window / limit
        self._window = window
        self._paid: OrderedDict[Hashable, float] = OrderedDict()
        """When each key's failures will all have aged out."""

    def wait(self, key: Hashable) -> float:
        """Seconds until `key` may try again; 0 when it may now."""
        paid = self._paid.get(key)
        return 0.0 if paid is None else max(0.0, paid - self._clock() - (self._window - self._pause))

    def failed(self, key: Hashable) -> None:
        """Notes a failure of `key`."""
        now = self._clock()
        paid = max(now, self._paid.get(key, now)) + self._pause
        self._paid[key] = min(paid, now + self._window)
        self._paid.move_to_end(key)
        while len(self._paid) > MOST:
            self._paid.popitem(last=False)
