"""The clock of a running stack."""

from __future__ import annotations

import time


class SystemClock:
    """The machine's clock. Implements `ports.Clock`."""

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""
        return time.monotonic()
