"""Spans of whole days, as people name them for costs: last month, the last seven days, from day to day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from skerry.servers.aws_ops.arguments import Arguments, Parameter, wrong_arguments

Span = tuple[dt.date, dt.date]
"""The first day, and the first day after."""


def _months(today: dt.date, back: int) -> dt.date:
    """The first day of the month `back` months before this one; before zero is after."""
    number = today.year * 12 + today.month - 1 - back
    return dt.date(number // 12, number % 12 + 1, 1)


def _days(count: int) -> Callable[[dt.date], Span]:
    return lambda today: (today - dt.timedelta(count), today)


PAST: Mapping[str, Callable[[dt.date], Span]] = {
    "today": lambda today: (today, today + dt.timedelta(1)),
    "yesterday": _days(1),
    "last_7_days": _days(7),
    "last_14_days": _days(14),
    "last_30_days": _days(30),
    "last_90_days": _days(90),
    "this_month": lambda today: (_months(today, 0), today + dt.timedelta(1)),
    "last_month": lambda today: (_months(today, 1), _months(today, 0)),
    "last_3_months": lambda today: (_months(today, 3), _months(today, 0)),
    "last_6_months": lambda today: (_months(today, 6), _months(today, 0)),
    "last_12_months": lambda today: (_months(today, 12), _months(today, 0)),
    "this_year": lambda today: (dt.date(today.year, 1, 1), today + dt.timedelta(1)),
}
FUTURE: Mapping[str, Callable[[dt.date], Span]] = {
    "rest_of_month": lambda today: (today, _months(today, -1)),
    "next_month": lambda today: (_months(today, -1), _months(today, -2)),
    "next_3_months": lambda today: (_months(today, -1), _months(today, -4)),
    "next_7_days": lambda today: (today, today + dt.timedelta(7)),
    "next_30_days": lambda today: (today, today + dt.timedelta(30)),
}

PERIOD = Parameter(
    name="period",
    description="Which days; last_month when left out. start and end name others.",
    one_of=tuple(PAST),
)
START = Parameter(
    name="start",
    description="The first day, as YYYY-MM-DD; a month as YYYY-MM is the whole month.",
    max_length=10,
)
END = Parameter(
    name="end", description="The last day, included, as YYYY-MM-DD; yesterday when left out.", max_length=10
)
HORIZON = Parameter(
    name="horizon", description="How far to look ahead; next_month when left out.", one_of=tuple(FUTURE)
)
USES = ("period", "start", "end")


def past(arguments: Arguments, now: float, otherwise: str = "last_month") -> Span:
    """The days that `period`, or `start` and `end`, mean. Raises ServiceError for what is none."""
    today = _today(now)
    if "start" not in arguments:
        if "end" in arguments:
            raise wrong_arguments([("end", "needs start")])
        return PAST[str(arguments.get("period", otherwise))](today)
    if "period" in arguments:
        raise wrong_arguments([("period", "cannot be given together with start")])
    start, after = _parsed("start", arguments["start"])
    if "end" in arguments:
        after = _parsed("end", arguments["end"])[1]
    elif after - start == dt.timedelta(1):
        after = max(today, after)
    if start >= after:
        raise wrong_arguments([("end", "is before start")])
    return start, after


def future(arguments: Arguments, now: float) -> Span:
    """The days of a forecast."""
    return FUTURE[str(arguments.get("horizon", "next_month"))](_today(now))


def _today(now: float) -> dt.date:
    return dt.datetime.fromtimestamp(now, dt.UTC).date()


def _parsed(name: str, value: object) -> Span:
    """A day, or a whole month."""
    text = str(value)
    try:
        if len(text) == len("2026-10"):
            first = dt.date.fromisoformat(f"{text}-01")
            return first, _months(first, -1)
        day = dt.date.fromisoformat(text)
        return day, day + dt.timedelta(1)
    except (ValueError, OverflowError) as error:
        raise wrong_arguments([(name, "is no day of the form YYYY-MM-DD")]) from error
