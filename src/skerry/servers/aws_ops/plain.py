"""Answers of AWS as JSON values of a bounded size."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

MAX_TEXT = 4_000
_LEFT_OUT = "(too long to show)"


def plain(value: Any) -> Any:
    """JSON values only: times as ISO 8601, bytes as base64, long texts cut, empty members left out."""
    match value:
        case dict():
            return {str(key): plain(part) for key, part in value.items() if part not in (None, "", [], {})}
        case list() | tuple():
            return [plain(part) for part in value]
        case dt.datetime() | dt.date():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value[:MAX_TEXT]).decode()
        case str() if len(value) > MAX_TEXT:
            return f"{value[:MAX_TEXT]}… ({len(value)} characters)"
        case str() | int() | float() | None:
            return value
    return str(value)


def size(value: Any) -> int:
    """How many bytes the value is as JSON."""
    return len(json.dumps(value, ensure_ascii=False).encode())


def fitted(item: dict[str, Any], most: int) -> dict[str, Any]:
    """The item with its longest lists cut until it has at most `most` bytes; `cut` names them.

    An item without lists that is still too long loses its longest members.
    """
    fitting, cut = dict(item), dict[str, None]()
    while size(fitting) > most:
        by_size = sorted(fitting, key=lambda name: size(fitting[name]))
        lists = [name for name in by_size if isinstance(fitting[name], list) and len(fitting[name]) > 1]
        name = lists[-1] if lists else by_size[-1]
        if not lists and fitting[name] == _LEFT_OUT:
            break
        fitting[name] = fitting[name][: len(fitting[name]) // 2] if lists else _LEFT_OUT
        cut[name] = None
    return {**fitting, "cut": list(cut)} if cut else item
