"""Conversations as clients see them: the JSON bodies of the endpoints, and Markdown for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from skerry.agent.events import message_blocks
from skerry.store.records import Conversation, Message

Json = dict[str, Any]


def summary(conversation: Conversation) -> Json:
    """A conversation without its messages; times are seconds since the epoch."""
    names = ("id", "title", "created", "updated", "count", "version", "expires")
    return {name: getattr(conversation, name) for name in names}


def message(item: Message) -> Json:
    """A message with content blocks as in TOOL_CALL_RESULT."""
    return {
        "number": item.number,
        "role": item.role,
        "content": message_blocks(item.content),
        "created": item.created,
        "metadata": dict(item.metadata),
    }


def markdown(conversation: Mapping[str, Any], messages: Iterable[Mapping[str, Any]]) -> str:
    """A conversation to read or to file: what was asked, called and answered, pictures named only."""
    begun = datetime.fromtimestamp(conversation["created"], UTC).isoformat(timespec="seconds")
    parts = [f"# {conversation['title'] or 'Conversation'}", f"`{conversation['id']}`, begun {begun}"]
    for item in messages:
        shown = [_text(block) for block in item["content"]]
        is_result = any(block["type"] == "tool_result" for block in item["content"])
        who = "Tools" if is_result else "You" if item["role"] == "user" else "Agent"
        parts += [f"## {who}", *(text for text in shown if text)]
    return "\n\n".join(parts) + "\n"


def _text(block: Mapping[str, Any]) -> str:
    kind = block["type"]
    if kind == "text":
        return str(block["text"])
    if kind == "reasoning":
        return "\n".join(f"> {line}" for line in str(block["text"]).splitlines())
    if kind == "tool_use":
        return f"**{block['name']}**\n\n{_fenced(json.dumps(block['input'], indent=2, ensure_ascii=False))}"
    if kind == "tool_result":
        return "\n\n".join(_text(inner) for inner in block["content"])
    if kind == "json":
        return _fenced(json.dumps(block["json"], indent=2, ensure_ascii=False))
    return f"[{block.get('mimeType', kind)}]"


def _fenced(text: str) -> str:
    """A code block whose fence does not occur in it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"
