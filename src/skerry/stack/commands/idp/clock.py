"""`skerry idp clock`: the clock that codes and tokens end by.

AWS has nothing like it; this is skerry's own.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from skerry.auth import moved_clock
from skerry.auth.moved_clock import MovedClock
from skerry.idp.provider import CLOCK_FILE
from skerry.stack.commands.idp.opened import opened
from skerry.stack.commands.sessions import duration, seconds
from skerry.stack.state import IDP_FOLDER


def add_arguments(parser: argparse.ArgumentParser) -> None:
    change = parser.add_mutually_exclusive_group()
    change.add_argument(
        "--advance",
        type=seconds,
        default=0.0,
        metavar="TIME",
        help="let so much time pass, such as 90, 15m or 2h",
    )
    change.add_argument("--reset", action="store_true", help="show the machine's time again")


def run(options: argparse.Namespace) -> tuple[Mapping[str, Any], Iterable[str]]:
    """How far ahead the clock is, after the change that was asked for. It is the same for all realms.

    Raises ConfigurationError for a realm that is not there.
    """
    if options.realm:
        opened(options.state, options.realm)
    file = options.state / IDP_FOLDER / CLOCK_FILE
    if options.advance:
        moved_clock.advance(file, options.advance)
    if options.reset:
        moved_clock.reset(file)
    clock = MovedClock(file)
    now = datetime.fromtimestamp(clock.time(), UTC).isoformat(timespec="seconds")
    ahead = f"{duration(clock.lead)} ahead" if clock.lead else "that of the machine"
    return {"moved": clock.lead, "time": now}, [f"the clock of tokens is {ahead}: {now}"]
