"""The clocks of this machine, for those who take no others."""

from __future__ import annotations

import time


class SystemClock:
    """The clocks of this machine."""

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""
        return time.monotonic()
