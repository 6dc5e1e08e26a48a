"""A kept conversation told again: its messages as the events that a face shows, and as files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from skerry.chat.backend import Event, Kept
from skerry.chat.face import Face
from skerry.chat.text import block_text

TOLD_AGAIN = 12
"""Messages of a resumed conversation that are shown."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the person said."""

    text: str


def tell(face: Face, kept: Kept) -> None:
    """Shows the end of a kept conversation."""
    left_out = max(0, len(kept.messages) - TOLD_AGAIN)
    if left_out:
        face.note(f"… {left_out} earlier messages; /export writes them all")
    for item in replay(kept.messages[left_out:]):
        if isinstance(item, Said):
            face.said(item.text)
        else:
            face.show(item)
    face.note(f"resumed {kept.summary.id}")


def replay(messages: Sequence[Mapping[str, Any]]) -> Iterator[Said | Event]:
    """The person's words, and the agent's as AG-UI events."""
    for message in messages:
        mine = message.get("role") == "user"
        for block in _blocks(message):
            kind = block.get("type")
            if kind == "text" and mine:
                yield Said(str(block.get("text", "")))
            elif kind == "text":
                yield {"type": "TEXT_MESSAGE_START", "messageId": "", "role": "assistant"}
                yield {"type": "TEXT_MESSAGE_CONTENT", "messageId": "", "delta": str(block.get("text", ""))}
                yield {"type": "TEXT_MESSAGE_END", "messageId": ""}
            elif kind == "reasoning":
                yield {"type": "REASONING_START", "messageId": ""}
                yield {
                    "type": "REASONING_MESSAGE_CONTENT",
                    "messageId": "",
                    "delta": str(block.get("text", "")),
                }
                yield {"type": "REASONING_END", "messageId": ""}
            elif kind == "tool_use":
                yield from _call(block)
            elif kind == "tool_result":
                yield _result(block)


def as_json(kept: Kept) -> str:
    """A conversation as JSON: everything that the agent gave."""
    summary = kept.summary
    head = {
        "id": summary.id,
        "title": summary.title,
        "created": summary.created,
        "updated": summary.updated,
    }
    whole = {"conversation": head, "messages": list(kept.messages), "interrupts": list(kept.interrupts)}
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def as_markdown(kept: Kept) -> str:
    """A conversation as a page to read; pictures are named, not held."""
    summary = kept.summary
    begun = datetime.fromtimestamp(summary.created, UTC).strftime("%Y-%m-%d %H:%M UTC")
    title = " ".join(summary.title.split()) or "Conversation"
    parts = [f"# {title}", f"`{summary.id}` · begun {begun}"]
    names: dict[str, str] = {}
    for message in kept.messages:
        mine = message.get("role") == "user"
        for block in _blocks(message):
            kind = block.get("type")
            if kind == "text":
                parts.append(f"**{'You' if mine else 'Agent'}:**\n\n{block.get('text', '')}")
            elif kind == "tool_use":
                names[str(block.get("id"))] = str(block.get("name", ""))
                called = json.dumps(block.get("input"), ensure_ascii=False, indent=2)
                parts.append(f"**Call of `{block.get('name', '')}`**\n\n{_fenced(called, 'json')}")
            elif kind == "tool_result":
                name = names.get(str(block.get("id")), "a tool")
                failed = " (failed)" if block.get("status") == "error" else ""
                parts.append(f"**Result of `{name}`{failed}**\n\n{_fenced(_text_of(block), '')}")
    return "\n\n".join(parts) + "\n"


def _blocks(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    content = message.get("content")
    if isinstance(content, str):
        yield {"type": "text", "text": content}
    elif isinstance(content, list):
        yield from (block for block in content if isinstance(block, Mapping))


def _call(block: Mapping[str, Any]) -> Iterator[Event]:
    identifier = str(block.get("id", ""))
    yield {"type": "TOOL_CALL_START", "toolCallId": identifier, "toolCallName": str(block.get("name", ""))}
    arguments = json.dumps(block.get("input"), ensure_ascii=False)
    yield {"type": "TOOL_CALL_ARGS", "toolCallId": identifier, "delta": arguments}
    yield {"type": "TOOL_CALL_END", "toolCallId": identifier}


def _result(block: Mapping[str, Any]) -> Event:
    metadata = {"replayed": True, **({"status": "error"} if block.get("status") == "error" else {})}
    return {
        "type": "TOOL_CALL_RESULT",
        "toolCallId": str(block.get("id", "")),
        "content": json.dumps(block.get("content") or []),
        "metadata": metadata,
    }


def _text_of(block: Mapping[str, Any]) -> str:
    content = block.get("content")
    inner = content if isinstance(content, list) else []
    texts = [
        f"[picture, {item.get('mimeType', 'image')}]" if item.get("type") == "image" else block_text(item)
        for item in inner
        if isinstance(item, Mapping)
    ]
    return "\n".join(texts)


def _fenced(text: str, language: str) -> str:
    """A fence longer than any in the text, so that the text cannot end it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"
