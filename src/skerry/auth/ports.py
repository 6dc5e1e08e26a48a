"""What this package needs from its surroundings: time, and a way to ask over HTTP.

No library is imported here, so that a client needs no JWT library to get a token.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

Fetch = Callable[[str], Awaitable[bytes]]
"""GETs a URL and gives the body of a 200. Raises a SkerryError or OSError for anything else."""

Post = Callable[[str, Mapping[str, str], Mapping[str, str]], Awaitable[tuple[int, bytes]]]
"""POSTs a form to a URL with headers; gives status and body, or raises a SkerryError or OSError."""


class Clock(Protocol):
    """Time as an argument."""

    def time(self) -> float:
        """Seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""
        ...
