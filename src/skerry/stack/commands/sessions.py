"""`skerry sessions`: the runtime sessions of the stack, and what becomes of them after a while.

AWS has no operation that lists sessions, and no clock that can be moved; this is skerry's own.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from skerry.stack.commands.env import add_state
from skerry.stack.inspection import ask
from skerry.stack.state import running

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_state(parser)
    parser.add_argument(
        "--advance",
        type=seconds,
        default=0.0,
        metavar="TIME",
        help="first let so much time pass for all sessions, such as 900, 15m or 8h; nothing else moves",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(options: argparse.Namespace) -> int:
    stack = running(options.state)
    if options.advance:
        # A program tells in whole seconds since when it is idle: in this second that may be after the move.
        time.sleep(1 - time.time() % 1)
        found = ask(stack, "POST", "clock", {"advance": options.advance})
    else:
        found = ask(stack, "GET", "sessions")
    if options.json:
        print(json.dumps(found))
        return 0
    for line in lines(found):
        print(line)
    return 0


def seconds(text: str) -> float:
    """A time such as 90, 15m or 8h in seconds. Raises ArgumentTypeError."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)([smhd]?)", text.strip())
    value = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time above 0; write 900, 900s, 15m or 8h")
    return value


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """A line for each live session, then one for each that ended, with the reason."""
    for item in found["sessions"]:
        left = max(0, item["idle_timeout"] - item["idle"])
        when = "in use" if item["in_flight"] else f"idle {duration(item['idle'])}, ends in {duration(left)}"
        yield f"{_name(item)}  {item['state']:<12}  {item['calls']:>4} calls  {when}"
    for item in found["ended"]:
        yield f"{_name(item)}  {'ended':<12}  {item['calls']:>4} calls  {item['reason']}"
    if not found["sessions"] and not found["ended"]:
        yield "no sessions yet: the first InvokeAgentRuntime begins one"
    if found["moved"]:
        yield f"(the clock of the sessions is {duration(found['moved'])} ahead)"


def _name(item: Mapping[str, Any]) -> str:
    return f"{item['runtime']:<16.16}  {item['session']:<36.36}"


def duration(value: float) -> str:
    """Seconds as people say them, such as 2h 05m."""
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}m {rest:02}s" if minutes else f"{rest}s"
