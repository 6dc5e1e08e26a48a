"""What `GET /ping` says. Source: AWS developer guide, runtime service contract (health and idle time)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterator


class Health:
    """Calls in flight and the time of the last real activity, in seconds since the epoch.

    The time moves when a call begins or ends and never by being asked for: the platform takes it for use,
    and a session that only says that it is well would never become idle.
    """

    def __init__(self, trouble: Callable[[], str], *, clock: Callable[[], float] = time.time) -> None:
        self.calls = 0
        self.quiet = asyncio.Event()
        """Set while no call is in flight."""
        self.quiet.set()
        self._trouble = trouble
        self._clock = clock
        self._updated = clock()

    def active(self) -> None:
        """Something happened that is use."""
        self._updated = self._clock()

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """While the block runs, a call is in flight."""
        self.calls += 1
        self.quiet.clear()
        self.active()
        try:
            yield
        finally:
            self.calls -= 1
            self.active()
            if not self.calls:
                self.quiet.set()

    def report(self) -> tuple[int, bytes]:
        """Status and body of the answer to `GET /ping`."""
        trouble = self._trouble()
        status = "Unhealthy" if trouble else "HealthyBusy" if self.calls else "Healthy"
        body: dict[str, object] = {"status": status, "time_of_last_update": int(self._updated)}
        if trouble:
            body["message"] = trouble
        return (503 if trouble else 200), json.dumps(body).encode()
