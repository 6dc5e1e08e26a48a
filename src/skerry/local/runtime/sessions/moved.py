"""A clock for sessions that people and tests move forward: what happens after 15 minutes is seen at once.

Only the life of sessions hangs on it. Signatures, tokens and hops keep the real time, so that moving it
makes nobody's signature too old.
"""

from __future__ import annotations

import math

from skerry.local.ports.running import Clock

_SECOND = 1.0


class MovedClock:
    """`clock` and the seconds by which it was moved. Implements Clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._moves: list[tuple[float, float]] = []
        self.moved = 0.0

    def time(self) -> float:
        """Seconds since the epoch, moved."""
        return self._clock.time() + self.moved

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back, moved."""
        return self._clock.monotonic() + self.moved

    def advance(self, seconds: float) -> None:
        """Moves it forward. `seconds` is positive."""
        self._moves.append((self._clock.time(), seconds))
        self.moved += seconds

    def since(self, told: float) -> float:
        """The seconds since `told`, a time that a program took from its own clock, which nobody moved.

        Moves before that time do not count: a program that reports the present is young however often the
        clock was moved. Programs often tell whole seconds, so for a second after a move its own second
        counts as after it.
        """
        now = self._clock.time()
        before = 0.0
        for at, seconds in self._moves:
            if told >= (math.floor(at) if now - at < _SECOND else at):
                before += seconds
        return now + self.moved - told - before
