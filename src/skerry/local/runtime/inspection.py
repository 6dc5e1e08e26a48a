"""What the Runtime plane shows and takes below `/_skerry/`: its sessions and their clock.

GET  /_skerry/sessions                       live sessions, and the latest that ended, with the reason
POST /_skerry/clock {"advance": SECONDS}     moves the clock of all sessions: who is idle then, ends
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping

from skerry.errors import validation
from skerry.local.runtime.sessions.sessions import Sessions

MAX_ADVANCE = 14 * 24 * 3600
"""Seconds: the longest time that AWS lets a session be idle."""

Inspect = Callable[[bytes], Awaitable[object]]


def inspection(sessions: Sessions) -> Mapping[tuple[str, str], Inspect]:
    """The paths by method and name."""

    async def listing(_: bytes) -> object:
        return {"moved": sessions.moved, "sessions": sessions.listing(), "ended": list(sessions.ended)}

    async def clock(body: bytes) -> object:
        await sessions.advance(seconds(body))
        return await listing(b"")

    return {("GET", "sessions"): listing, ("POST", "clock"): clock}


def seconds(body: bytes) -> float:
    """The `advance` of a request. Raises ServiceError (400)."""
    try:
        given = json.loads(body)["advance"]
        value = float(given) if not isinstance(given, bool | str) else -1.0
    except (ValueError, RecursionError, KeyError, TypeError, OverflowError):
        value = -1.0
    if not 0 < value <= MAX_ADVANCE:
        problem = f"must be a number of seconds above 0, {MAX_ADVANCE} at most"
        raise validation(f"'advance' {problem}.", ("advance", problem))
    return value
