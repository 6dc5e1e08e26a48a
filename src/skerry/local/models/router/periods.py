"""Spans of time in words: `last month`, `since yesterday`, `over the past 24 hours`, `in October`.

What a property takes decides the form: one of its choices (`last_30_days`), a span (`24h`), or a date.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from skerry.local.models.router.schema import MISSING, choices

_UNITS = {"minute": "m", "hour": "h", "day": "d", "week": "w"}
_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "ten": 10,
    "twelve": 12, "couple": 2, "few": 3, "the": 1, "": 1,
}  # fmt: skip
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
           "november", "december")  # fmt: skip
_SPAN = re.compile(
    r"\b(?P<which>last|past|previous|next|coming|this|current|rest of (?:the|this))\s+"
    r"(?:(?P<count>\d{1,3}|[a-z]{2,6})\s+(?:of\s+)?)?(?P<unit>minute|hour|day|week|month|quarter|year)s?\b"
    r"|\b(?P<ago>\d{1,3})\s+(?P<old>minute|hour|day|week|month)s?\b",
    re.IGNORECASE,
)
_DAY = re.compile(r"\b(yesterday|today|tonight|tomorrow)\b", re.IGNORECASE)
_MONTH = re.compile(
    r"\b(?:in|for|of|during|since|until|to|from|through)\s+(" + "|".join(_MONTHS) + r")\b(?:\s+(\d{4}))?",
    re.IGNORECASE,
)
Span = tuple[int, int]


def choice(text: str, prop: Mapping[str, Any]) -> Any:
    """The choice of a property that names a span of the text, else the nearest that covers it, or MISSING."""
    options = [str(item) for item in choices(prop)]
    named = _DAY.search(text)
    if named and named[1].lower() in options:
        return named[1].lower()
    for which, count, unit, _ in _spans(text):
        exact = {
            f"{which}_{count}_{unit}s",
            f"{which}_of_{unit}",
            *([f"{which}_{unit}"] if count == 1 else []),
        }
        days = {"day": count, "week": 7 * count}.get(unit)
        if days:
            exact.add(f"{which}_{days}_days")
        found = next((option for option in options if option.lower() in exact), None)
        if found:
            return found
        near = _nearest(options, which, _days(count, unit))
        if near:
            return near
    return MISSING


def span(text: str) -> Any:
    """A span before now such as `24h` or `7d`, or MISSING."""
    for which, count, unit, _ in _spans(text):
        if which == "last" and unit in ("month", "year"):
            return f"{_days(count, unit)}d"
        if which in ("last", "this"):
            return f"{count * 7}d" if unit == "week" else f"{count}{_UNITS.get(unit, 'd')}"
    return MISSING


def month(text: str, prop: Mapping[str, Any], today: date | None, *, last: bool) -> Any:
    """A month in words as `YYYY-MM`, or its first or last day where the property takes whole dates only.

    Without a year it is the latest that has begun.
    """
    named = list(_MONTH.finditer(text))
    if not named or today is None:
        return MISSING
    match = named[-1] if last else named[0]
    number = _MONTHS.index(match[1].lower()) + 1
    year = int(match[2]) if match[2] else today.year - (number > today.month)
    if "YYYY-MM " in str(prop.get("description", "")) and not last:
        return f"{year}-{number:02}"
    return f"{year}-{number:02}-{monthrange(year, number)[1] if last else 1:02}"


def day(text: str, today: date | None) -> Any:
    """`yesterday` or `today` as a date, or MISSING."""
    match = _DAY.search(text)
    if match is None or today is None:
        return MISSING
    return (today - timedelta(days=match[1].lower() == "yesterday")).isoformat()


def _spans(text: str) -> list[tuple[str, int, str, Span]]:
    """What the text has: `last` or another word, how many, of which unit, and where."""
    found = []
    for match in _SPAN.finditer(text):
        which = (match["which"] or "last").lower()
        which = {"past": "last", "previous": "last", "coming": "next", "current": "this"}.get(which, which)
        which = "rest" if which.startswith("rest") else which
        said = (match["count"] or match["ago"] or "").lower()
        count = int(said) if said.isdigit() else _NUMBERS.get(said, 0)
        unit = (match["unit"] or match["old"]).lower()
        if count:
            found.append(
                (
                    which,
                    3 * count if unit == "quarter" else count,
                    unit.replace("quarter", "month"),
                    match.span(),
                )
            )
    for match in _DAY.finditer(text):
        which = {"yesterday": "last", "tomorrow": "next"}.get(match[1].lower(), "this")
        found.append((which, 1, "day", match.span()))
    return found


def _days(count: int, unit: str) -> int:
    return count * {"week": 7, "month": 30, "year": 365}.get(unit, 1)


def _nearest(options: Sequence[str], which: str, days: int) -> str:
    """The shortest choice of the same direction that covers so many days."""
    covering = []
    for option in options:
        match = re.fullmatch(rf"{which}_(\d+)_(day|month)s", option, re.IGNORECASE)
        if match and _days(int(match[1]), match[2].lower()) >= days:
            covering.append((_days(int(match[1]), match[2].lower()), option))
    return min(covering)[1] if covering else ""
