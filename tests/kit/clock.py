"""A clock that stands still until a test moves it."""

from __future__ import annotations

import time


class FakeClock:
    """Implements the Clock ports of `local` and `auth`.

    `time()` starts at `now` (seconds since the epoch), `monotonic()` at 1000; `advance` moves both, `set_time` the
    wall clock alone, as a person does who corrects it.
    """

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._time = now
        self._monotonic = 1000.0

    def time(self) -> float:
        return self._time

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        assert seconds >= 0, "a monotonic clock never goes back"
        self._time += seconds
        self._monotonic += seconds

    def set_time(self, now: float) -> None:
        self._time = now


class WallClock(FakeClock):
    """Implements the same ports: a clock whose `time()` is the machine's, so that signatures of boto3 hold."""

    def time(self) -> float:
        return time.time()
