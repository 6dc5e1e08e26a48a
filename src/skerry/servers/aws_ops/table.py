"""An answer as a table for people and models that read text: compact, and bounded in rows and width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skerry.wire.shown import clean

MAX_ROWS = 50
MAX_WIDTH = 200
MAX_CELL = 48
MAX_VALUE = 400
_EMPTY = "-"


def render(answer: Mapping[str, Any]) -> str:
    """A Markdown table of the answer's items, and a line about where they are from and what is missing.

    One item is shown with its fields below one another, as is an answer without items.
    """
    items = answer.get("items")
    if not isinstance(items, list):
        return _fields(answer)
    if not items:
        return f"No items. {_about(answer)}".rstrip()
    alone = len(items) == 1 and isinstance(items[0], Mapping)
    shown = _fields(items[0]) if alone else _rows(items)
    return f"{shown}\n\n{_about(answer)}".rstrip()


def cell(value: Any, limit: int = MAX_CELL) -> str:
    """A value as one line of text, cut to `limit` characters, safe inside a Markdown table."""
    text = " ".join(clean(_flat(value)).split()).replace("\\", "\\\\").replace("|", "\\|")
    if not text:
        return _EMPTY
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip(chr(92))}…"


def _flat(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case dict():
            if set(value) == {"key", "value"}:
                return f"{value['key']}={value['value']}"
            return " ".join(f"{name}={_flat(part)}" for name, part in value.items())
        case list():
            return (", " if all(not isinstance(part, dict | list) for part in value) else "; ").join(
                _flat(part) for part in value
            )
    return str(value)


def _rows(items: Sequence[Any]) -> str:
    rows = [item if isinstance(item, Mapping) else {"item": item} for item in items[:MAX_ROWS]]
    names = list(dict.fromkeys(str(name) for row in rows for name in row))
    columns = {name: [cell(row.get(name)) for row in rows] for name in names}
    widths = {name: max(map(len, (name, *column))) for name, column in columns.items()}
    kept: list[str] = []
    room = MAX_WIDTH
    for name in names:
        room -= widths[name] + 3
        if room < 0 and kept:
            break
        kept.append(name)
    lines = [
        "| " + " | ".join(name.ljust(widths[name]) for name in kept) + " |",
        "|" + "|".join("-" * (widths[name] + 2) for name in kept) + "|",
    ]
    lines += [
        "| " + " | ".join(columns[name][number].ljust(widths[name]) for name in kept) + " |"
        for number in range(len(rows))
    ]
    left = [name for name in names if name not in kept]
    if left:
        lines += ["", f"Not shown: {', '.join(left)}."]
    if len(items) > MAX_ROWS:
        lines += ["", f"The first {MAX_ROWS} of {len(items)} items of this answer."]
    return "\n".join(lines)


def _fields(item: Mapping[str, Any]) -> str:
    names = [str(name) for name in item]
    width = max(map(len, (*names, "field")), default=5)
    lines = [f"| {'field'.ljust(width)} | value |", f"|{'-' * (width + 2)}|-------|"]
    lines += [f"| {str(name).ljust(width)} | {cell(value, MAX_VALUE)} |" for name, value in item.items()]
    return "\n".join(lines)


def _about(answer: Mapping[str, Any]) -> str:
    """Where the items are from, what failed, whether there are more."""
    count = answer.get("count", 0)
    plural = "" if count == 1 else "s"
    lines = [
        f"{count} item{plural}, account {answer.get('account', '?')}, region {answer.get('region', '?')}."
    ]
    if answer.get("source"):
        lines.append(f"Source: {cell(answer['source'], MAX_VALUE)}.")
    lines += [
        f"Problem in {cell(item.get('region'))}: {cell(item.get('problem'), MAX_VALUE)}"
        for item in answer.get("problems", [])
    ]
    if answer.get("truncated"):
        lines.append(f"There are more: ask again with next_token {answer.get('next_token')}")
    return "\n".join(lines)
