"""From what a person asked for to an agent that can be talked to."""

from __future__ import annotations

import time
from collections.abc import Callable

from skerry.auth.ports import ALONE, Surroundings
from skerry.chat.doors.runtime import RuntimeDoor
from skerry.chat.doors.service import ServiceDoor
from skerry.chat.target import Wanted, find

Door = RuntimeDoor | ServiceDoor


def open_backend(
    wanted: Wanted,
    surroundings: Surroundings = ALONE,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Door:
    """The agent of a wish: a web service by its URL, else a Runtime by name or ARN.

    `surroundings` are told what happens while somebody waits, and sign them in where they can. Nothing is
    sent yet. Raises ConfigurationError, NotRunningError, StateError or ProtocolError.
    """
    target = find(wanted, surroundings)
    kind = ServiceDoor if target.service else RuntimeDoor
    return kind(target, say=surroundings.say, sleep=sleep)
