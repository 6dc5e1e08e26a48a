"""Times as people give them: `3h` and `7d` before now, or an ISO 8601 date or time in UTC."""

from __future__ import annotations

import datetime as dt
import re

from skerry.servers.aws_ops.arguments import Arguments, Parameter, wrong_arguments

_UNITS = r"s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:(?:ou)?rs?)?|d(?:ays?)?|w(?:eeks?)?"
_SPAN = re.compile(rf"(\d{{1,6}})\s*({_UNITS})(?: ago)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_EARLIEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)

SINCE = Parameter(
    name="since",
    description="From when: a span before now such as 30m, 3h or 7d, or a time such as 2026-10-31T08:00.",
    max_length=40,
)
UNTIL = Parameter(name="until", description="Up to when, given like since; now when left out.", max_length=40)


def window(arguments: Arguments, now: float, default: str) -> tuple[dt.datetime, dt.datetime]:
    """Start and end of `since` and `until`; `default` is the span when no start is given.

    Raises ServiceError (ValidationException) for what is no time, and when nothing is between the two.
    """
    start = moment("since", str(arguments.get("since", default)), now)
    end = moment("until", str(arguments["until"]), now) if "until" in arguments else _utc(now)
    if start >= end:
        raise wrong_arguments([("since", "is not before until, which is now when left out")])
    return start, end


def moment(name: str, text: str, now: float) -> dt.datetime:
    """The time that the argument `name` means. Raises ServiceError (ValidationException)."""
    shown = text.strip().lower()
    span = _SPAN.fullmatch(shown)
    try:
        found = _utc(now - int(span[1]) * _SECONDS[span[2][0]]) if span else _parsed(shown.upper())
    except (ValueError, OverflowError, OSError) as error:
        problem = "is no time; it looks like 30m, 3h, 7d, 2026-10-31 or 2026-10-31T08:00"
        raise wrong_arguments([(name, problem)]) from error
    if found < _EARLIEST:
        raise wrong_arguments([(name, "is before the year 2000")])
    return found


def from_millis(value: object) -> str:
    """Milliseconds since the epoch as ISO 8601; empty for anything else."""
    if not isinstance(value, int | float):
        return ""
    return _utc(value / 1000).isoformat(timespec="milliseconds")


def _parsed(text: str) -> dt.datetime:
    found = dt.datetime.fromisoformat(text)
    return found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)


def _utc(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
