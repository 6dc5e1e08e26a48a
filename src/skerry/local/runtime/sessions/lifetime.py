"""When a session's time is over: AWS developer guide, runtime sessions and the ping contract.

Idle is the time since the last request ended, or since the `time_of_last_update` that the program tells,
whichever is later. `HealthyBusy` keeps a session alive; reports say that AWS ignores it without a recent
time, and a program that moves its time forward with every probe is never idle: both earn a warning.
"""

from __future__ import annotations

from typing import Literal

from skerry.local.runtime.sessions.health import Health
from skerry.local.runtime.sessions.session import Session
from skerry.local.runtime.settings import Unknowns

ADVANCES = 3

NEVER_IDLE = (
    "it reports a new time_of_last_update at every ping and so is never idle; "
    "report the time of the last real activity"
)
BUSY_WITHOUT_TIME = (
    "it is kept alive by HealthyBusy without time_of_last_update, which AWS was seen to ignore; "
    "report the time of the last real activity with it"
)


def due(session: Session, now: float) -> Literal["lifetime", "idle", ""]:
    """Whether a session has lived too long or has been without requests for its idle time."""
    if now - session.started >= session.runtime.max_lifetime:
        return "lifetime"
    if session.in_flight == 0 and now - session.used >= session.runtime.idle_timeout:
        return "idle"
    return ""


def keeps_alive(session: Session, seen: Health, age: float | None, unknowns: Unknowns) -> bool:
    """Whether the program's own answer keeps a session alive that is past its idle time.

    `age` is the seconds since its `time_of_last_update`, None when it told none.
    """
    if not seen.healthy:
        return False
    recent = age is not None and age < session.runtime.idle_timeout
    if recent:
        return True
    if unknowns.busy_needs_recent_time:
        return False
    return seen.busy and (age is not None or not unknowns.busy_needs_time)


def warning(session: Session, seen: Health) -> str:
    """What is worth a warning in an answer to a ping past the idle time, each once a session; or ''."""
    if seen.updated is not None:
        ever_newer = session.updated is not None and seen.updated > session.updated
        session.advances = session.advances + 1 if ever_newer else 0
        session.updated = seen.updated
        return NEVER_IDLE if session.advances == ADVANCES else ""
    if seen.busy and not session.busy_warned:
        session.busy_warned = True
        return BUSY_WITHOUT_TIME
    return ""
