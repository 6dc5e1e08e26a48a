"""Documents and answers of authorization servers: JSON objects, which nobody has promised."""

from __future__ import annotations

import json
from typing import Any

from skerry.wire.jsonrpc import depth_exceeds

MAX_DEPTH = 16


def json_object(body: bytes) -> dict[str, Any] | None:
    """The object that a body holds; None when it is none, or nests deeper than anything needs to."""
    try:
        data = None if depth_exceeds(body, MAX_DEPTH) else json.loads(body)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None
