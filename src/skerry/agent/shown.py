"""Conversations as clients see them: the JSON bodies of the endpoints."""

from __future__ import annotations

from collections.abc import Mapping
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
        "content": [
            _named(block, item.metadata.get("names") or {}) for block in message_blocks(item.content)
        ],
        "created": item.created,
        "metadata": dict(item.metadata),
    }


def _named(block: Json, names: Mapping[str, str]) -> Json:
    """A call by the name that people know its tool by."""
    return (
        {**block, "name": names.get(block["name"], block["name"])} if block["type"] == "tool_use" else block
    )
