"""A kept conversation told again, and as files."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.chat.backend import Kept, Summary
from skerry.chat.replay import Said, as_json, as_markdown, replay
from skerry.chat.usage import usage_line

MESSAGES: list[dict[str, Any]] = [
    {"number": 1, "role": "user", "content": [{"type": "text", "text": "the email?"}]},
    {
        "number": 2,
        "role": "assistant",
        "content": [
            {"type": "reasoning", "text": "hm"},
            {"type": "tool_use", "id": "c1", "name": "get_email", "input": {"account_id": "1"}},
        ],
    },
    {
        "number": 3,
        "role": "user",
        "content": [
            {
                "type": "tool_result",
                "id": "c1",
                "status": "error",
                "content": [
                    {"type": "text", "text": "```\nnot a fence"},
                    {"type": "image", "mimeType": "image/png", "data": "eA=="},
                ],
            }
        ],
    },
    {"number": 4, "role": "assistant", "content": "It failed."},
]
KEPT = Kept(Summary("an-id", "the email?\n# not a title", 0.0, 1.0, 4), MESSAGES)


def test_messages_become_what_a_face_shows():
    first, *events = replay(MESSAGES)
    assert first == Said("the email?")
    kinds = [event["type"] for event in events if isinstance(event, dict)]
    assert kinds[:3] == ["REASONING_START", "REASONING_MESSAGE_CONTENT", "REASONING_END"]
    assert kinds[3:6] == ["TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END"]
    assert kinds[6] == "TOOL_CALL_RESULT"
    result = events[6]
    assert isinstance(result, dict)
    assert result["metadata"] == {"replayed": True, "status": "error"}
    assert json.loads(result["content"])[1]["type"] == "image"
    assert kinds[7:] == ["TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END"]


@pytest.mark.behaviour("CHAT-RESUME")
def test_a_page_names_everything_and_no_text_breaks_out_of_its_fence():
    page = as_markdown(KEPT)
    assert page.startswith("# the email? # not a title\n")
    assert "**Call of `get_email`**" in page
    assert "**Result of `get_email` (failed)**" in page
    assert "````\n```\nnot a fence\n[picture, image/png]\n````" in page
    assert page.endswith("**Agent:**\n\nIt failed.\n")


def test_json_holds_everything():
    whole = json.loads(as_json(KEPT))
    assert whole["messages"] == MESSAGES


BLOCK = st.dictionaries(
    st.sampled_from(["type", "text", "id", "name", "input", "content", "status"]),
    st.none()
    | st.text(max_size=5)
    | st.sampled_from(["text", "tool_use", "tool_result", "reasoning"])
    | st.lists(st.none()),
    max_size=5,
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"role": st.text(max_size=3), "content": st.lists(BLOCK) | st.text() | st.none()}
        )
    )
)
def test_strange_messages_are_told_too(messages: list[dict[str, Any]]):
    for item in replay(messages):
        assert isinstance(item, Said) or item["type"]
    assert as_markdown(Kept(Summary("i", "", 0, 0, 0), messages))


@pytest.mark.parametrize(
    ("usage", "line"),
    [
        ({}, ""),
        ({"cost": None, "inputTokens": 0}, ""),
        ({"inputTokens": 1204, "outputTokens": 88, "model": "m"}, "1,204 in · 88 out · 2.4 s · m"),
        ({"outputTokens": 5, "cost": {"amount": 0.0012, "currency": "USD"}}, "5 out · $0.0012 · 2.4 s"),
        ({"outputTokens": 5, "cost": {"amount": 12.5, "currency": "CHF"}}, "5 out · 12.50 CHF · 2.4 s"),
        ({"inputTokens": 9, "cacheReadInputTokens": 7}, "9 in · 7 from cache · 2.4 s"),
        ({"outputTokens": "many", "cost": "dear", "model": "\x1b[2J"}, ""),
    ],
)
def test_usage_in_a_line(usage: dict[str, Any], line: str):
    assert usage_line(usage, 2.4) == line
