"""Time as an argument. The module `time` itself fits, and so does a clock that a test moves."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Two clocks in one."""

    def time(self) -> float:
        """Seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""
        ...
