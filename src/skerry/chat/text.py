"""Tool results as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MAX_SHOWN = 4000
FOLD = 8
"""Lines of a result that are shown before the rest is folded away."""


def short(text: str, limit: int = MAX_SHOWN) -> str:
    """The beginning of a long text, with what was left out."""
    return text if len(text) <= limit else f"{text[:limit]}\n… {len(text) - limit} more characters"


def result_blocks(event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The content blocks of a TOOL_CALL_RESULT; what is no list of blocks is one block of text."""
    content = event.get("content", "")
    try:
        data = json.loads(content) if isinstance(content, str) else content
    except (ValueError, RecursionError):
        data = None
    if isinstance(data, list) and all(isinstance(item, Mapping) for item in data):
        return data
    return [{"type": "text", "text": content if isinstance(content, str) else json.dumps(content)}]


def block_text(block: Mapping[str, Any]) -> str:
    """A block's text: pretty where it is JSON, empty for a picture."""
    if block.get("type") == "image":
        return ""
    if block.get("type") == "json":
        return json.dumps(block.get("json"), indent=2, ensure_ascii=False)
    text = str(block.get("text", ""))
    if text[:1] in "{[":
        try:
            return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        except (ValueError, RecursionError):
            return text
    return text


def fold(text: str, lines: int = FOLD) -> tuple[str, int]:
    """The first lines of a text, and how many there are more; one line more is not worth folding."""
    every = text.splitlines()
    if len(every) <= lines + 1:
        return text, 0
    return "\n".join(every[:lines]), len(every) - lines
