"""So many a second: the quotas of an account for requests, as a token bucket.

Source: AWS developer guide, quotas of runtime, gateway and control plane. How AWS counts a burst is not
known; here it is one second's worth.
"""

from __future__ import annotations

from skerry.errors import ServiceError
from skerry.local.ports.running import Clock


class Rate:
    """Allows `limit` a second of `what`. Not to be made with a limit of 0."""

    def __init__(self, limit: float, what: str, *, clock: Clock) -> None:
        self._limit = limit
        self._what = what
        self._clock = clock
        self._left = max(limit, 1.0)
        self._at = clock.monotonic()

    def take(self) -> None:
        """Takes one. Raises ServiceError (429) when there is none left."""
        if self.wait() > 0:
            raise ServiceError(
                "ThrottlingException",
                429,
                f"Rate exceeded: {self._limit:g} {self._what} a second are allowed.",
                hint="Try again with backoff; this limit is a setting of the stack.",
            )
        self.count()

    def wait(self) -> float:
        """Seconds until there is one left; 0 when there is one now."""
        now = self._clock.monotonic()
        self._left = min(max(self._limit, 1.0), self._left + (now - self._at) * self._limit)
        self._at = now
        return 0.0 if self._left >= 1.0 else (1.0 - self._left) / self._limit

    def count(self) -> None:
        """Takes one, which there is: `wait` was asked."""
        self._left -= 1.0


def rate(limit: float, what: str, clock: Clock) -> Rate | None:
    """A rate, or None where `limit` is 0: then nothing is counted."""
    return Rate(limit, what, clock=clock) if limit > 0 else None
