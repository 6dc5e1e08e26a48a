"""Records as a Markdown table: the columns that matter, values without brackets, bounded."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

MAX_ROWS = 100
MAX_COLUMNS = 9
MAX_CELL = 120
MAX_DEPTH = 6

_FIRST = ("region", "name", "id", "state", "status", "type")


def rows(data: Sequence[Mapping[str, Any]]) -> str:
    """A table, what is not shown of it, and the sum where the rows are amounts of money."""
    shown = data[:MAX_ROWS]
    names = list(dict.fromkeys(str(name) for row in shown for name in row))
    if not names:
        return f"{len(data)} empty records."
    filled = [
        name for name in names if any(row.get(name) not in (None, "", [], {}) for row in shown)
    ] or names
    kept = _columns(filled, shown)
    lines = [_row(kept), _row(["---"] * len(kept))]
    lines += [_row([cell(row.get(name)) for name in kept]) for row in shown]
    notes = [f"… and {len(data) - MAX_ROWS} more"] if len(data) > MAX_ROWS else []
    notes += [total] if (total := _total(data)) else []
    left = [name for name in filled if name not in kept]
    notes += [f"Not shown: {', '.join(left)}."] if left else []
    return "\n".join([*lines, *(f"\n{note}" for note in notes)])


def members(data: Mapping[str, Any]) -> str:
    """A record as a list of its members, without those that are empty."""
    shown = {name: item for name, item in data.items() if item is not None and item not in ("", [], {})}
    return "\n".join(f"- **{name}**: {cell(item)}" for name, item in shown.items()) or "(empty)"


def cell(item: Any, limit: int = MAX_CELL) -> str:
    """A value on one line, safe within a table."""
    text = plain(item).replace("|", "\\|").replace("\r", " ").replace("\n", " ")
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def plain(item: Any, depth: int = 0) -> str:
    """A value as people write it: yes and no, `a, b`, `key=value`."""
    if depth > MAX_DEPTH:
        return "…"
    match item:
        case None:
            return ""
        case str():
            return item
        case bool():
            return "yes" if item else "no"
        case Mapping():
            if set(item) in ({"key", "value"}, {"Key", "Value"}):
                return "=".join(plain(part, depth + 1) for part in item.values())
            return " ".join(f"{name}={plain(part, depth + 1)}" for name, part in item.items())
        case list() | tuple():
            nested = any(isinstance(part, Mapping | list) for part in item)
            return ("; " if nested else ", ").join(plain(part, depth + 1) for part in item)
    return json.dumps(item, default=str)


def _columns(names: Sequence[str], data: Sequence[Mapping[str, Any]]) -> list[str]:
    """At most so many: names and states first, then plain values, in the order of the records."""
    if len(names) <= MAX_COLUMNS:
        return list(names)
    nested = {name for name in names if any(isinstance(row.get(name), Mapping | list) for row in data)}
    best = sorted(names, key=lambda name: (name not in _FIRST, name in nested))[:MAX_COLUMNS]
    return [name for name in names if name in best]


def _total(data: Sequence[Mapping[str, Any]]) -> str:
    """The sum of the amounts, where all are of one currency."""
    currencies = {str(row.get("currency", "")) for row in data}
    amounts = [row.get("amount") for row in data]
    numbers = [
        item
        for item in amounts
        if isinstance(item, int | float) and not isinstance(item, bool) and math.isfinite(item)
    ]
    if len(data) < 2 or len(numbers) < len(data) or len(currencies) != 1 or not all(currencies):
        return ""
    return f"**Total: {sum(numbers):,.2f} {currencies.pop()}**"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
