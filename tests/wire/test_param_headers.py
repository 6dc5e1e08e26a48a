"""`Mcp-Param-*`: what a schema asks for, and what contradicts the arguments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.wire.param_headers import contradicting, param_headers

SCHEMA = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "limit": {"type": "integer", "x-mcp-header": "Limit"},
        "dry": {"type": "boolean", "x-mcp-header": "Dry"},
        "text": {"type": "string"},
    },
}


@pytest.mark.parametrize(
    ("arguments", "headers", "found"),
    [
        ({"region": "eu"}, {"mcp-param-region": "eu"}, None),
        ({"region": "é"}, {"mcp-param-region": "=?base64?w6k=?="}, None),
        ({"region": "eu"}, {"mcp-param-region": "us"}, "Mcp-Param-Region"),
        ({"region": "eu"}, {}, "Mcp-Param-Region"),
        ({}, {"mcp-param-region": "eu"}, "Mcp-Param-Region"),
        ({"region": None}, {}, None),
        ({"region": "eu"}, {"mcp-param-region": "=?base64?damaged?="}, "Mcp-Param-Region"),
        ({"limit": 42}, {"mcp-param-limit": "42.0"}, None),
        ({"limit": 42}, {"mcp-param-limit": "042"}, None),
        ({"limit": 42}, {"mcp-param-limit": "43"}, "Mcp-Param-Limit"),
        ({"limit": 42}, {"mcp-param-limit": "forty-two"}, "Mcp-Param-Limit"),
        ({"dry": True}, {"mcp-param-dry": "true"}, None),
        ({"dry": True}, {"mcp-param-dry": "True"}, "Mcp-Param-Dry"),
        ({"text": "x"}, {"mcp-param-other": "anything"}, None),
    ],
)
def test_a_header_says_what_the_argument_says(arguments, headers, found):
    assert contradicting(SCHEMA, arguments, headers) == found


def test_invalid_annotations_ask_for_nothing():
    schema = {"properties": {"a": {"type": "array", "x-mcp-header": "A"}}}
    assert contradicting(schema, {"a": []}, {}) is None


@given(
    st.fixed_dictionaries({}, optional={"region": st.text(), "limit": st.integers(), "dry": st.booleans()})
)
def test_what_we_send_never_contradicts(arguments):
    sent = {name.lower(): value for name, value in param_headers(SCHEMA, arguments).items()}
    assert contradicting(SCHEMA, arguments, sent) is None
