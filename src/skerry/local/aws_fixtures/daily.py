"""Daily costs: what the lines of costs.toml cost on a day, and which of them an expression means."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from skerry.errors import ServiceError, validation

_SATURDAY = 5
# Dimensions of Cost Explorer, by the field of a line that has their value.
DIMENSIONS: Mapping[str, str] = {
    "SERVICE": "service",
    "USAGE_TYPE": "usage_type",
    "OPERATION": "operation",
    "INSTANCE_TYPE": "instance_type",
    "REGION": "region",
    "RECORD_TYPE": "record_type",
    "LINKED_ACCOUNT": "account",
}
_MATCHES: Mapping[str, Callable[[str, str], bool]] = {
    "EQUALS": lambda value, wanted: value == wanted,
    "STARTS_WITH": lambda value, wanted: value.startswith(wanted),
    "ENDS_WITH": lambda value, wanted: value.endswith(wanted),
    "CONTAINS": lambda value, wanted: wanted in value,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One kind of usage: what it costs on a plain day, and on which days it costs something else."""

    service: str
    usage_type: str
    operation: str
    region: str
    amount: Decimal
    quantity: Decimal
    unit: str
    account: str = ""
    instance_type: str = ""
    record_type: str = "Usage"
    tags: Mapping[str, str] = field(default_factory=dict)
    weekend: Decimal = Decimal(1)
    day: int = 0
    """The day of the month on which it is due; 0 for every day."""
    unusual: Mapping[str, Any] = field(default_factory=dict)
    months: Sequence[Decimal] = (Decimal(1),) * 12

    @classmethod
    def of(cls, row: Mapping[str, Any], months: Sequence[Decimal], account: str) -> Line:
        """A row of the file."""
        numbers = {name: Decimal(row[name]) for name in ("amount", "quantity", "weekend") if name in row}
        return cls(**{**row, **numbers}, months=months, account=account)

    def dimension(self, key: str) -> str:
        """The value of a dimension; empty where the line has none."""
        return str(getattr(self, DIMENSIONS[key]))

    def factor(self, date: dt.date, *, usual: bool = False) -> Decimal:
        """How many plain days this one is; `usual` leaves out what was out of the ordinary."""
        if self.day:
            return Decimal(date.day == self.day)
        found = self.months[date.month - 1]
        if date.weekday() >= _SATURDAY:
            found *= self.weekend
        if not usual and self.is_unusual(date):
            # Also at a weekend, when the plain factor may be nothing.
            found = max(found, Decimal(1)) * Decimal(self.unusual["factor"])
        return found

    def is_unusual(self, date: dt.date) -> bool:
        """Whether this is a day of an anomaly."""
        return bool(self.unusual) and self.unusual["from"] <= date.day <= self.unusual["to"]

    def cost(self, date: dt.date, *, usual: bool = False) -> Decimal:
        """What it costs on this day."""
        return self.amount * self.factor(date, usual=usual)


def days(start: dt.date, end: dt.date) -> Iterator[dt.date]:
    """Every date from `start` up to but without `end`."""
    for number in range((end - start).days):
        yield start + dt.timedelta(number)


def chosen(lines: Sequence[Line], expression: Mapping[str, Any] | None) -> list[Line]:
    """The lines that a filter expression of Cost Explorer means. Raises ServiceError."""
    return [line for line in lines if expression is None or _holds(expression, line)]


def dimension(key: object) -> str:
    """The key, if the lines have it. Raises ServiceError (NotImplemented)."""
    if key not in DIMENSIONS:
        raise lacking(f"the dimension {key}")
    return str(key)


def lacking(what: str) -> ServiceError:
    """What Cost Explorer has and this fixture has not."""
    text = f"ce with {what} is not available in the embedded cloud; its costs have {', '.join(DIMENSIONS)}."
    return ServiceError("NotImplemented", 400, text)


def _holds(expression: Mapping[str, Any], line: Line) -> bool:
    if len(expression) != 1:
        raise validation("An expression has exactly one of Or, And, Not, Dimensions, Tags, CostCategories.")
    ((kind, value),) = expression.items()
    match kind:
        case "And":
            return all([_holds(part, line) for part in value])  # noqa: C419  (every part is checked)
        case "Or":
            return any([_holds(part, line) for part in value])  # noqa: C419
        case "Not":
            return not _holds(value, line)
        case "Dimensions":
            return _matches(line.dimension(dimension(value.get("Key"))), value)
        case "Tags":
            return _matches(line.tags.get(str(value.get("Key")), ""), value)
    raise lacking(f"a filter by {kind}")


def _matches(value: str, wanted: Mapping[str, Any]) -> bool:
    options = set(wanted.get("MatchOptions", ["EQUALS"]))
    values = [str(item) for item in wanted.get("Values", [])]
    if "ABSENT" in options:
        return value == ""
    if "CASE_INSENSITIVE" in options:
        value, values = value.lower(), [item.lower() for item in values]
    kinds = options - {"CASE_SENSITIVE", "CASE_INSENSITIVE"} or {"EQUALS"}
    unknown = kinds - set(_MATCHES)
    if unknown:
        raise lacking(f"the match option {min(unknown)}")
    return any(_MATCHES[kind](value, item) for kind in kinds for item in values)
