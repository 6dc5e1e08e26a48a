"""Documents of gateway targets, damaged: they give tools or one problem, and tools give requests or one problem."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ProtocolError
from skerry.local.gateway.arguments import problem
from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.schemas import openapi, smithy
from skerry.local.gateway.schemas.operation import Api, BadArgumentsError, request
from skerry.local.gateway.schemas.problem import SchemaError
from skerry.wire.jsonrpc import encode
from tests.fuzz.effort import examples
from tests.kit.openapi_documents import GOLDEN, HEAD
from tests.kit.smithy_ast import SCHEDULER

OPENAPI = [HEAD.replace("VERSION", version) + text for version, text, _ in GOLDEN.values()]
TOKENS = st.sampled_from(
    [
        "$ref: '#/paths'",
        "null",
        "[]",
        "{}",
        ": ",
        "- ",
        "&a ",
        "*a",
        "<<: ",
        '"',
        "'",
        "\n",
        "  ",
        "{x}",
        "type",
        "https://",
        "\x00",
        "\ud800",
        "1e999",
    ]
)
CUTS = st.lists(
    st.tuples(st.integers(0, 3000), st.integers(0, 12), TOKENS | st.just("")), min_size=1, max_size=4
)
ARGUMENTS = st.dictionaries(
    st.sampled_from(
        ["city", "units", "n", "m", "owner", "name", "id", "q", "body", "Name", "Tags", "MaxResults"]
    ),
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=4)
    | st.lists(st.text(max_size=2), max_size=2),
    max_size=4,
)


def damaged(text: str, cuts: list[tuple[int, int, str]]) -> str:
    """The text with some places replaced."""
    for start, length, put in cuts:
        at = start % (len(text) + 1)
        text = text[:at] + put + text[at + length :]
    return text


def tried(read: Any, text: str, arguments: dict[str, Any]) -> None:
    try:
        api: Api = read(text, Assumptions())
    except SchemaError as error:
        assert str(error)
        return
    for operation in api.operations.values():
        assert json.loads(encode(operation.tool)) == operation.tool
        problem(operation.tool["inputSchema"], arguments)
        try:
            assert request(operation, arguments).url.isascii()
        except (BadArgumentsError, SchemaError, ProtocolError) as error:
            assert str(error)


@examples(100)
@given(text=st.sampled_from(OPENAPI), cuts=CUTS, arguments=ARGUMENTS)
def test_damaged_openapi_documents(text: str, cuts: Any, arguments: Any) -> None:
    tried(openapi.read, damaged(text, cuts), arguments)


@examples(100)
@given(cuts=CUTS, arguments=ARGUMENTS)
def test_damaged_smithy_models(cuts: Any, arguments: Any) -> None:
    tried(smithy.read, damaged(json.dumps(SCHEDULER, indent=1), cuts), arguments)
