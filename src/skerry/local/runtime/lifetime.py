"""When a session's time is over: AWS developer guide, runtime sessions and the ping contract.

Idle is the time since the last request ended, or since the `time_of_last_update` that the program tells,
whichever is later. `HealthyBusy` keeps a session alive; a program that moves its time forward with every
probe is never idle, which is rarely meant and earns a warning.
"""

from __future__ import annotations

import logging
from typing import Literal

from skerry.local.runtime.health import Health
from skerry.local.runtime.session import Session

ADVANCES = 3
log = logging.getLogger(__name__)


def due(session: Session, now: float) -> Literal["lifetime", "idle", ""]:
    """Whether a session has lived too long or has been without requests for its idle time."""
    if now - session.started >= session.runtime.max_lifetime:
        return "lifetime"
    if session.in_flight == 0 and now - session.used >= session.runtime.idle_timeout:
        return "idle"
    return ""


def keeps_alive(session: Session, seen: Health, wall: float, *, needs_time: bool) -> bool:
    """Whether the program's own answer keeps a session alive that is past its idle time.

    `wall` is seconds since the epoch; `needs_time` says that busy without a time is ignored.
    """
    if not seen.healthy:
        return False
    if seen.updated is not None:
        _watch(session, seen.updated)
        if wall - seen.updated < session.runtime.idle_timeout:
            return True
    # A busy program keeps its session however old its time is.
    return seen.busy and (seen.updated is not None or not needs_time)


def _watch(session: Session, updated: float) -> None:
    session.advances = (
        session.advances + 1 if session.updated is not None and updated > session.updated else 0
    )
    session.updated = updated
    if session.advances == ADVANCES:
        log.warning(
            "session %s of %s reports a new time_of_last_update at every ping and so is never idle; "
            "report the time of the last real activity",
            session.id,
            session.runtime.name,
        )
