"""Requests made of arguments: whatever the arguments are, they stay where the document puts them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry.errors import ProtocolError
from skerry.local.gateway.arguments import PREFIX, problem
from skerry.local.gateway.schemas.operation import (
    BadArgumentsError,
    Body,
    Operation,
    Parameter,
    request,
)
from tests.fuzz.effort import scaled

BASE = "https://api.example.com/v1"
OPERATION = Operation(
    {"name": "a"},
    "POST",
    BASE,
    "/a/{p}/b/{w}?fixed=1",
    (
        Parameter("p", "path", "p"),
        Parameter("w", "path", "w", whole=True),
        Parameter("q", "query", "q[]"),
        Parameter("joined", "query", "joined", explode=False),
        Parameter("spread", "query", "spread", spread=True),
        Parameter("h", "header", "X-H"),
        Parameter("prefix", "header", "X-Meta-", spread=True),
        Parameter("c", "cookie", "c"),
    ),
    Body(members={"m": "M"}, rest=True),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ARGUMENTS = st.dictionaries(
    st.sampled_from(["p", "w", "q", "joined", "spread", "h", "prefix", "c", "m", "other"]),
    JSON | st.text(max_size=12),
    max_size=10,
)


@pytest.mark.behaviour("GW-OPENAPI-CONTAINED")
@settings(max_examples=scaled(120), deadline=None)
@given(arguments=ARGUMENTS, more=st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2))
def test_no_argument_leaves_its_place(arguments: dict[str, Any], more: dict[str, str]) -> None:
    try:
        made = request(OPERATION, arguments, more.items())
    except BadArgumentsError as error:
        assert str(error).startswith(PREFIX)
        return
    except ProtocolError:  # numbers that JSON cannot carry, which the gateway answers with -32602
        return
    assert made.url.isascii()
    assert not set(made.url) & set(' \r\n\t"<>\\^`{|}#')
    parts = urlsplit(made.url)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "api.example.com", "")
    segments = parts.path.split("/")
    assert segments[:3] == ["", "v1", "a"]
    assert segments[4] == "b"
    assert not {".", "..", ""} & {unquote(segments[3])}
    assert not {".", ".."} & {unquote(segment) for segment in segments[5:]}
    assert parse_qsl(parts.query, keep_blank_values=True)[0] == ("fixed", "1")
    for name, value in made.headers.items():
        assert name == name.lower()
        assert value.isprintable()
        assert value.isascii()


@pytest.mark.behaviour("GW-OPENAPI-CONTAINED")
def test_headers_that_an_argument_names_cannot_be_the_gateways_own() -> None:
    every = Operation({"name": "a"}, "GET", BASE, "/a", (Parameter("h", "header", "", spread=True),))
    assert request(every, {"h": {"X-One": "1"}}).headers["x-one"] == "1"
    for name in ("Host", "Authorization", "Transfer-Encoding", "a b", ""):
        with pytest.raises(BadArgumentsError):
            request(every, {"h": {name: "1"}})


@pytest.mark.behaviour("GW-OPENAPI-PARAMETERS")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"q": ["a", 1, True]}, "q%5B%5D=a&q%5B%5D=1&q%5B%5D=true"),
        ({"joined": ["a", "b"]}, "joined=a%2Cb"),
        ({"spread": {"x": "1", "y": ["2", "3"]}}, "x=1&y=2&y=3"),
        ({"q": {"x": 1}}, "q%5B%5D=%7B%22x%22%3A1%7D"),
        ({"q": None, "joined": []}, "joined="),
        ({"q": 1.0, "joined": "ü"}, "q%5B%5D=1.0&joined=%C3%BC"),
    ],
)
def test_values_in_a_query(arguments: dict[str, Any], expected: str) -> None:
    made = request(OPERATION, {"p": "x", "w": "y/z", **arguments})
    assert made.url == f"{BASE}/a/x/b/y/z?fixed=1&{expected}"


@pytest.mark.behaviour("GW-OPENAPI-ARGUMENTS")
@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": ["integer", "null"]}, None, None),
        ({"type": ["integer", "null"]}, 3, None),
        ({"type": ["integer", "null"]}, "x", "string found, [integer, null] expected"),
        ({"type": [], "properties": 1}, {}, None),
        ({"type": "object", "properties": {}, "additionalProperties": True}, {"x": 1}, None),
        ({"type": "object", "properties": {}, "additionalProperties": {}}, {"x": 1}, None),
        (
            {"type": "object", "properties": {}, "additionalProperties": False},
            {"x": 1},
            "property 'x' is not",
        ),
    ],
)
def test_schemas_of_documents_know_more_than_those_of_lambda(
    schema: dict[str, Any], value: Any, expected: str | None
) -> None:
    found = problem(schema, value)
    assert found is None if expected is None else expected in str(found)
