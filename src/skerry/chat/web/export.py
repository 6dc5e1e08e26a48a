"""A kept conversation as a file: JSON with everything, or Markdown to read."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from skerry.chat.backend import Kept
from skerry.chat.text import block_text
from skerry.chat.web.transcript import Answer, Block, Call, Question, Text, Thinking, of_messages


def as_json(kept: Kept) -> str:
    """Everything that the agent keeps of it."""
    summary = kept.summary
    data = {
        "conversation": {
            "id": summary.id,
            "title": summary.title,
            "created": summary.created,
            "updated": summary.updated,
            "count": summary.count,
        },
        "messages": [dict(message) for message in kept.messages],
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def as_markdown(kept: Kept) -> str:
    """Questions, answers and tool calls in order; pictures are named and not held."""
    summary = kept.summary
    parts = [
        f"# {' '.join(summary.title.split()) or 'Conversation'}",
        f"`{summary.id}` · {_day(summary.created)} to {_day(summary.updated)} · {summary.count} messages",
    ]
    for entry in of_messages(kept.messages):
        if isinstance(entry, Question):
            parts.append(f"## Question\n\n{entry.text}")
        elif isinstance(entry, Answer):
            parts.append("## Answer")
            parts += [_block(block) for block in entry.blocks]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _block(block: Block) -> str:
    if isinstance(block, Text):
        return block.text
    if isinstance(block, Thinking):
        return "\n".join(f"> {line}" for line in block.text.splitlines())
    if isinstance(block, Call):
        name = " ".join(block.name.split()) or "tool"
        lines = [f"### Tool: {name} ({block.status})", _fenced(block.arguments or "{}", "json")]
        lines += [
            f"[picture, {each.get('mimeType', '')}]"
            if each.get("type") == "image"
            else _fenced(block_text(each))
            for each in block.content
        ]
        return "\n\n".join(lines)
    return f"**{block.code}**: {block.message}"


def _fenced(text: str, language: str = "") -> str:
    """A code block whose fence is longer than any row of backticks in the text."""
    longest = run = 0
    for char in text:
        run = run + 1 if char == "`" else 0
        longest = max(longest, run)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
