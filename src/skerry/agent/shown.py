"""Conversations as clients see them: the JSON bodies of the endpoints."""

from __future__ import annotations

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
