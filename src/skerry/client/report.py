"""Tools and results as text."""

from __future__ import annotations

import base64
import binascii
import json
import os
import tempfile
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mcp.types import CallToolResult, ContentBlock, ImageContent, TextContent, Tool

from skerry.wire.shown import clean
from skerry.wire.tool_arguments import type_of

WIDTH = 110

_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp"}


def tool_lines(tools: Iterable[Tool]) -> Iterator[str]:
    """Each tool with its arguments, types and first line of description; a star marks a required one."""
    for tool in tools:
        marks = f"  [{', '.join(_marks(tool))}]" if _marks(tool) else ""
        yield clean(f"{tool.name}({', '.join(_arguments(tool.input_schema))}){marks}")
        first = (tool.description or "").strip().partition("\n")[0]
        if first:
            yield clean(f"    {textwrap.shorten(first, WIDTH, placeholder=' …')}")


def _arguments(schema: Mapping[str, Any]) -> list[str]:
    required = schema.get("required", [])
    return [
        f"{name}{'*' if name in required else ''}: {type_of(field)}"
        for name, field in schema.get("properties", {}).items()
    ]


def _marks(tool: Tool) -> list[str]:
    if tool.annotations is None:
        return []
    marks = {"read-only": tool.annotations.read_only_hint, "destructive": tool.annotations.destructive_hint}
    return [name for name, said in marks.items() if said]


def result_lines(result: CallToolResult) -> Iterator[str]:
    """Content block by block: text, JSON pretty, pictures and sounds saved to files."""
    for block in result.content:
        yield from _block(block)
    if not result.content and result.structured_content is not None:
        yield json.dumps(result.structured_content, indent=2, ensure_ascii=False)


def _block(block: ContentBlock) -> Iterator[str]:
    if isinstance(block, TextContent):
        yield clean(_pretty(block.text))
        return
    data, mime = getattr(block, "data", None), str(getattr(block, "mime_type", ""))
    if isinstance(data, str):
        yield f"{'picture' if isinstance(block, ImageContent) else block.type} saved: {saved(data, mime)}"
    else:
        yield clean(json.dumps(block.model_dump(by_alias=True, exclude_none=True, mode="json"), indent=2))


def _pretty(text: str) -> str:
    if text[:1] not in ("{", "["):
        return text
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def saved(data: str, mime: str) -> Path | str:
    """Writes base64 data to a file of its own, for its owner only."""
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return "not at all, because it is no base64"
    handle, name = tempfile.mkstemp(prefix="skerry-", suffix=_SUFFIXES.get(mime, ".bin"))
    with os.fdopen(handle, "wb") as file:
        file.write(raw)
    return Path(name)
