from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.chat.text import block_text, result_blocks, short
from skerry.wire.shown import clean, exact

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.behaviour("CHAT-CLEAN")
@given(st.text())
def test_nothing_that_steers_a_terminal_passes(text: str):
    cleaned = clean(text)
    assert not [char for char in cleaned if unicodedata.category(char) == "Cc" and char not in "\n\t"]
    assert clean(cleaned) == cleaned


@pytest.mark.behaviour("CHAT-CLEAN")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jgone", "[2Jgone"),
        ("a\x07b\x9bc", "abc"),
        ("pay \u202emoc.live", "pay moc.live"),
        ("a\r\nb\tc", "a\nb\tc"),
        ("👩\u200d💻 ä", "👩\u200d💻 ä"),
    ],
)
def test_what_is_left_of_tricks(text: str, shown: str):
    assert clean(text) == shown


@pytest.mark.behaviour("CHAT-EXACT")
@given(JSON)
def test_exact_arguments_mean_what_they_meant_and_hide_nothing(value: Any):
    text = exact(value)
    assert json.loads(text) == value
    assert not [
        char for char in text if char != "\n" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Cn")
    ]


@given(st.text() | JSON)
def test_any_result_is_blocks(content: Any):
    blocks = result_blocks({"content": content})
    assert isinstance(blocks, list)
    assert all(isinstance(block_text(block), str) for block in blocks)


def test_json_in_text_is_shown_pretty():
    assert block_text({"type": "text", "text": '{"a": [1]}'}) == '{\n  "a": [\n    1\n  ]\n}'
    assert block_text({"type": "json", "json": {"a": 1}}) == '{\n  "a": 1\n}'
    assert block_text({"type": "text", "text": "{not json"}) == "{not json"


def test_long_text_says_what_is_missing():
    assert short("abcdef", 4) == "abcd\n… 2 more characters"
