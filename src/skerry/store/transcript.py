"""A conversation as a document: JSON for programs, Markdown for people.

`state` is the agent's own and is in neither. Bytes are base64 in JSON, as in Bedrock's own; in Markdown they
are named with their size.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from skerry.store.records import Conversation, Message, Store

SPEAKERS = {"user": "You", "assistant": "Assistant"}

_SHOWN = ("id", "title", "created", "updated", "expires", "version", "count", "metadata")


def every_message(store: Store, owner: str, identifier: str) -> Iterator[Message]:
    """All messages, oldest first, page by page. Raises ConversationNotFoundError."""
    after = 0
    while True:
        page = store.messages(owner, identifier, after=after)
        yield from page.items
        if not page.cursor:
            return
        after = int(page.cursor)


def as_json(conversation: Conversation, messages: Iterable[Message]) -> str:
    """Conversation and messages as one JSON object; times are in ISO 8601, UTC."""
    head: dict[str, Any] = {name: getattr(conversation, name) for name in _SHOWN}
    for name in ("created", "updated", "expires"):
        head[name] = _moment(head[name])
    said = [
        {
            "number": message.number,
            "role": message.role,
            "created": _moment(message.created),
            "content": message.content,
            "metadata": message.metadata,
        }
        for message in messages
    ]
    return json.dumps({"conversation": head, "messages": said}, indent=2, default=_unusual) + "\n"


def as_markdown(conversation: Conversation, messages: Iterable[Message]) -> str:
    """The conversation to read: a heading for each message, calls and results as code blocks."""
    title = " ".join(conversation.title.split()) or "Conversation"
    lines = [f"# {title}", "", f"{conversation.id} · {_moment(conversation.created)}", ""]
    for message in messages:
        speaker = SPEAKERS.get(message.role, message.role)
        if (
            message.role == "user"
            and message.content
            and all("toolResult" in block for block in message.content)
        ):
            speaker = "Tools"
        lines += [f"## {speaker} · {_moment(message.created)}", ""]
        for block in message.content:
            lines += [*_block(block), ""]
    return "\n".join(lines)


def _block(block: Mapping[str, Any]) -> list[str]:
    if "text" in block:
        return [str(block["text"])]
    if "reasoningContent" in block:
        thought = str(block["reasoningContent"].get("reasoningText", {}).get("text", "not shown"))
        return [f"> {line}".rstrip() for line in thought.splitlines() or [""]]
    if "toolUse" in block:
        use = block["toolUse"]
        return [f"Call of `{_code(use.get('name'))}`:", "", *_fenced(_dump(use.get("input")), "json")]
    if "toolResult" in block:
        result = block["toolResult"]
        lines = [f"Result ({result.get('status', 'success')}):"]
        for part in result.get("content", ()):
            if "text" in part:
                lines += ["", *_fenced(str(part["text"]))]
            elif "json" in part:
                lines += ["", *_fenced(_dump(part["json"]), "json")]
            else:
                lines += ["", *_block(part)]
        return lines
    for kind in ("image", "document", "video"):
        if kind in block:
            return [_attachment(kind, block[kind])]
    return _fenced(_dump(block), "json")


def _attachment(kind: str, value: Mapping[str, Any]) -> str:
    data = value.get("source", {}).get("bytes", b"")
    named = f" `{_code(value['name'])}`" if value.get("name") else ""
    return f"*{kind}{named}, {_code(value.get('format', 'unknown'))}, {len(data)} bytes*"


def _fenced(text: str, language: str = "") -> list[str]:
    """A code block that its text cannot end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", text, fence]


def _code(value: object) -> str:
    return " ".join(str(value).replace("`", "'").split())


def _dump(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=_unusual)


def _unusual(value: object) -> Any:
    """For json.dumps: bytes as base64, any mapping and sequence as what JSON has."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
