"""Spellings of one URL."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.wire.spelling import normal, same, spellings


@pytest.mark.behaviour("CLI-SPELLING")
@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("https://H.example/mcp", "HTTPS://h.EXAMPLE:443/mcp", True),
        ("http://h:80/mcp", "http://h/mcp/", True),
        ("https://h/mcp?tab=1", "https://h/mcp", True),
        ("https://h/mcp?tab=1", "https://h/mcp?tab=2", False),  # what is asked for may be another thing
        ("https://h/mcp", "http://h/mcp", False),
        ("https://h/mcp", "https://h/MCP", False),
        ("https://h:8443/mcp", "https://h/mcp", False),
        ("https://h/mcp", "https://h.evil/mcp", False),
        ("https://h/mcp", "https://user@h/mcp", False),
        ("http://[::1]:80/a", "http://[::1]/a", True),
    ],
)
def test_what_is_one_resource(one: str, other: str, equal: bool):
    assert same(one, other) is same(other, one) is equal


def test_spellings_begin_with_what_was_given():
    assert spellings("https://H/mcp?a=b") == (
        "https://H/mcp?a=b", "https://h/mcp?a=b", "https://h/mcp/?a=b", "https://h/mcp", "https://h/mcp/",
    )  # fmt: skip


@given(st.text(max_size=60))
def test_no_text_breaks_the_normal_form(text: str):
    assert normal(normal(text)) == normal(text) or "://" not in text
