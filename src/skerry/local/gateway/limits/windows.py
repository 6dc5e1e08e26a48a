"""Counters: requests within a window of time, and requests under way.

Windows are fixed: the first request of a bucket begins one, and it ends after its seconds. That takes two
numbers a bucket whatever the rate is, lets exactly the rate through from rest, and says to the second when
to come again. Across the edge of two windows up to twice the rate may pass within one period; AWS promises
nothing closer than that ("eventually consistent rather than exact").
"""

from __future__ import annotations

from collections import OrderedDict

from skerry.local.gateway.limits.entries import Rate
from skerry.local.ports.running import Clock

Bucket = tuple[str, ...]
"""Gateway, limit, metric, and the values of the dimensions."""
MAX_BUCKETS = 10_000
"""Buckets that are kept; the one longest unused goes first, and its count with it."""


class Windows:
    """Requests by bucket."""

    def __init__(self, clock: Clock, *, size: int = MAX_BUCKETS) -> None:
        self._clock = clock
        self._size = size
        self._begun: OrderedDict[Bucket, tuple[float, int]] = OrderedDict()

    def wait(self, bucket: Bucket, rate: Rate) -> float:
        """Seconds until one more fits into the bucket; 0 when it does now."""
        if rate.allowed == 0:
            return rate.seconds
        begun, count = self._begun.get(bucket, (0.0, 0))
        left = begun + rate.seconds - self._clock.monotonic()
        return left if count >= rate.allowed and left > 0 else 0.0

    def count(self, bucket: Bucket, rate: Rate) -> None:
        """One more is in the bucket."""
        now = self._clock.monotonic()
        begun, count = self._begun.get(bucket, (now, 0))
        if now >= begun + rate.seconds:
            begun, count = now, 0
        self._begun[bucket] = (begun, count + 1)
        self._begun.move_to_end(bucket)
        while len(self._begun) > self._size:
            self._begun.popitem(last=False)

    def forget(self, prefix: tuple[str, ...]) -> None:
        """Drops the buckets whose name begins like this."""
        for bucket in [found for found in self._begun if found[: len(prefix)] == prefix]:
            del self._begun[bucket]

    def __len__(self) -> int:
        return len(self._begun)


class Connections:
    """Requests under way by bucket; what is not under way takes no room."""

    def __init__(self) -> None:
        self._open: dict[Bucket, int] = {}

    def full(self, bucket: Bucket, rate: Rate) -> bool:
        """Whether no more may be under way at once."""
        return self._open.get(bucket, 0) >= rate.allowed

    def enter(self, bucket: Bucket) -> None:
        """A request begins."""
        self._open[bucket] = self._open.get(bucket, 0) + 1

    def leave(self, bucket: Bucket) -> None:
        """A request that entered is through."""
        left = self._open[bucket] - 1
        if left:
            self._open[bucket] = left
        else:
            del self._open[bucket]

    def __len__(self) -> int:
        return len(self._open)
