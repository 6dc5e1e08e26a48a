"""From what a person asked for to an agent that can be talked to."""

from __future__ import annotations

import time
from collections.abc import Callable

from skerry.auth.ports import Opener, Surroundings
from skerry.chat.doors.runtime import RuntimeDoor
from skerry.chat.doors.service import ServiceDoor
from skerry.chat.target import Wanted, find

Door = RuntimeDoor | ServiceDoor


def open_backend(
    wanted: Wanted,
    *,
    say: Callable[[str], None] = lambda _text: None,
    sleep: Callable[[float], None] = time.sleep,
    open_browser: Opener | None = None,
) -> Door:
    """The agent of a wish: a web service by its URL, else a Runtime by name or ARN.

    `say` is told what happens while somebody waits; `open_browser` shows a URL to the person who signs in,
    None where nobody is there. Nothing is sent yet. Raises ConfigurationError,
    NotRunningError, StateError or ProtocolError.
    """
    target = find(wanted, Surroundings(open_browser, say))
    kind = ServiceDoor if target.service else RuntimeDoor
    return kind(target, say=say, sleep=sleep)
