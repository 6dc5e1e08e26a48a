"""The clock of what waits, expires or is repeated."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """What tells the time; the module `time` is one."""

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""
        ...
