"""Tool results as Markdown: tables for lists of records, plain sentences for images, errors and refusals.

It shows what a tool returned and adds nothing to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

MAX_ROWS = 100
MAX_CELL = 120
MAX_TEXT = 60_000

# What an agent or a server says when a person refused; an AWS "access denied" is none of these.
_REFUSED = re.compile(
    r"\s*(?:CONFIRMATION_FAILED\b|DENIED:|(?i:.{0,200}\b(?:"
    r"(?:denied|declined|refused|rejected|cancell?ed) by the user"
    r"|user (?:has )?(?:denied|declined|refused|rejected|cancell?ed|did not (?:confirm|approve))"
    r"|approval was not granted|denied: approval callback)\b))",
    re.DOTALL,
)
_LIST_KEYS = ("items", "results", "records", "data", "rows", "entries")
_COUNT_KEYS = ("count", "total", "truncated", "next_token", "nextToken", "region", "account")


def result(block: Mapping[str, Any], tool: str) -> str:
    """The Markdown of one `toolResult` block of the tool named `tool`."""
    contents = block.get("content") or ()
    texts = [text for item in contents if (text := _content(item))]
    body = "\n\n".join(texts)
    plain = "\n".join(item["text"] for item in contents if "text" in item)
    if _REFUSED.match(plain):
        return f"You did not approve `{tool}`, so it was not run and nothing was changed."
    if block.get("status") == "error":
        return f"`{tool}` reported an error:\n\n{body}" if body else f"`{tool}` failed and gave no reason."
    return body or f"`{tool}` finished and returned nothing."


def _content(item: Mapping[str, Any]) -> str:
    if "json" in item:
        return value(item["json"])
    if "text" in item:
        return _text(item["text"])
    if "image" in item:
        return f"The image is attached ({item['image'].get('format', 'image')})."
    for kind in ("document", "video"):
        if kind in item:
            return f"The {kind} is attached ({item[kind].get('name') or item[kind].get('format', kind)})."
    return ""


def _text(text: str) -> str:
    stripped = text.strip()
    if stripped[:1] in ("{", "[", '"'):
        try:
            return value(json.loads(stripped))
        except (ValueError, RecursionError):
            pass
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}\n… ({len(text) - MAX_TEXT} characters more)"


def value(data: Any) -> str:
    """JSON as Markdown: a list of records is a table, a record is a list of its members."""
    if isinstance(data, str):
        return data
    if isinstance(data, list):
        return _list(data)
    if isinstance(data, Mapping):
        return _object(data)
    return json.dumps(data)


def _object(data: Mapping[str, Any]) -> str:
    key = next((name for name in _LIST_KEYS if isinstance(data.get(name), list)), None)
    if key is None and set(data) == {"result"}:  # what MCP servers wrap a bare value in
        return value(data["result"])
    if key is None:
        return "\n".join(f"- **{name}**: {_cell(item)}" for name, item in data.items()) or "(empty)"
    rest = {name: item for name, item in data.items() if name != key}
    return "\n\n".join(part for part in (_list(data[key]), _count_line(rest, len(data[key]))) if part)


def _count_line(rest: Mapping[str, Any], shown: int) -> str:
    count = rest.get("count", rest.get("total", shown))
    parts = [f"{count} item{'' if count == 1 else 's'}"]
    parts += [f"{name} {rest[name]}" for name in ("region", "account") if rest.get(name)]
    if rest.get("truncated"):
        parts.append("truncated: there are more")
    extra = [
        f"- **{name}**: {_cell(item)}"
        for name, item in rest.items()
        if name not in _COUNT_KEYS and item is not None
    ]
    return "\n".join(["· ".join(f"{part} " for part in parts).strip(), *extra])


def _list(data: Sequence[Any]) -> str:
    if not data:
        return "Nothing was found."
    if all(isinstance(item, Mapping) for item in data):
        return _table(data)
    return "\n".join([f"- {_cell(item)}" for item in data[:MAX_ROWS]] + _more(len(data)))


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys(str(name) for row in rows[:MAX_ROWS] for name in row))
    if not columns:
        return f"{len(rows)} empty records."
    lines = [_row(columns), _row(["---"] * len(columns))]
    lines += [_row([_cell(row.get(name)) for name in columns]) for row in rows[:MAX_ROWS]]
    return "\n".join([*lines, *(f"\n{line}" for line in _more(len(rows)))])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _more(count: int) -> list[str]:
    return [f"… and {count - MAX_ROWS} more"] if count > MAX_ROWS else []


def _cell(item: Any) -> str:
    if item is None:
        return ""
    text = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False, default=str)
    text = text.replace("|", "\\|").replace("\r", " ").replace("\n", " ")
    return text if len(text) <= MAX_CELL else f"{text[: MAX_CELL - 1]}…"
