"""What a tool gave back, as tables, pictures and text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skerry.chat import pictures
from skerry.chat.text import block_text, short
from skerry.wire.shown import clean

MAX_ROWS = 1000
MAX_COLUMNS = 40
MAX_CELL = 500
MIME_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")

Cell = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of equal columns; `caption` says how many there are and where they come from."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture's bytes; SVG is none, because it is a program."""

    data: bytes
    mime: str


@dataclass(frozen=True, slots=True)
class Words:
    """Text; `code` says that it is data and not prose."""

    text: str
    code: bool = False


Part = Table | Picture | Words


def parts(content: Sequence[Mapping[str, Any]], *, formatted: bool = True) -> Iterator[Part]:
    """The parts of a result. Not `formatted`, tables stay the JSON that they came as."""
    for block in content:
        if block.get("type") == "image":
            yield picture(block)
            continue
        data = _data(block)
        found = table(data) if formatted else None
        if found is not None:
            yield found
        elif text := block_text(block):
            yield Words(short(clean(text), 20_000), code=data is not None or block.get("type") == "json")


def picture(block: Mapping[str, Any]) -> Picture | Words:
    """The picture of a block, or what is wrong with it."""
    mime, data = str(block.get("mimeType", "")), pictures.data_of(block)
    if mime in MIME_TYPES and data:
        return Picture(data, mime)
    return Words(f"[a picture that cannot be shown: {clean(mime)[:40] or 'no type'}]")


def table(data: object) -> Table | None:
    """The table in JSON: a list of objects, or such a list as member `items`; None where there is none."""
    around: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
    items = around.get("items") if around else data
    if not isinstance(items, list) or not items or not all(isinstance(item, Mapping) for item in items):
        return None
    columns = list(dict.fromkeys(str(name) for item in items[:MAX_ROWS] for name in item))[:MAX_COLUMNS]
    if not columns:
        return None
    rows = [[cell(item.get(name)) for name in columns] for item in items[:MAX_ROWS]]
    return Table([clean(name) for name in columns], _even(rows), _caption(around, len(items)))


def cell(value: object) -> Cell:
    """A value of a table: numbers and truth stay what they are, all else becomes text."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return short(clean(text), MAX_CELL)


def _even(rows: list[list[Cell]]) -> list[list[Cell]]:
    """Columns of one type each: where types are mixed, or an integer is too large, all become text."""
    for column in range(len(rows[0])):
        values = [row[column] for row in rows if row[column] is not None]
        numeric = all(
            isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 2**53
            for value in values
        )
        if not numeric and not all(isinstance(value, bool) for value in values):
            for row in rows:
                value = row[column]
                row[column] = (
                    None if value is None else value if isinstance(value, str) else json.dumps(value)
                )
    return rows


def _caption(around: Mapping[str, Any], count: int) -> str:
    total = around.get("count")
    said = isinstance(total, int) and not isinstance(total, bool) and total != count
    text = [f"{count} of {total} rows" if said else f"{count} row{'' if count == 1 else 's'}"]
    if around.get("truncated"):
        text.append("more exist")
    text += [clean(str(around[name])) for name in ("region", "account") if around.get(name)]
    return " · ".join(text)


def _data(block: Mapping[str, Any]) -> object:
    """The JSON of a block, or None."""
    if block.get("type") == "json":
        return block.get("json")
    text = str(block.get("text", "")).strip()
    if text[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
