"""jsonrpc.parse: what it takes is what the JSON says, and what it refuses has an answer."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from skerry.wire import jsonrpc
from tests.fuzz.effort import examples
from tests.fuzz.hostile import HOSTILE, IDS, members, spelled

NAMES = {"jsonrpc", "id", "method", "params", "result", "error"}


def outer(body: bytes) -> list[tuple[str, Any]]:
    """The members of the outer object in their order, doubled ones included."""
    marked = json.loads(body, object_pairs_hook=lambda pairs: ("object", pairs), parse_constant=refuse)
    assert isinstance(marked, tuple)
    return list(marked[1])


def refuse(name: str) -> None:
    raise ValueError(name)


@examples(200)
@given(HOSTILE)
def test_a_message_is_taken_as_it_is_or_refused_with_an_answer(body: bytes) -> None:
    try:
        message = jsonrpc.parse(body)
    except jsonrpc.RpcError as problem:
        answer = jsonrpc.parse(problem.answer())
        assert answer.kind == "response"
        assert answer.error is not None
        assert answer.error["code"] == problem.rpc_code
        return
    names = [name for name, _ in outer(body) if name in NAMES]
    assert len(names) == len(set(names))
    value = json.loads(body)
    assert message.body == body
    assert value["jsonrpc"] == "2.0"
    assert value.get("id") == message.id
    assert type(value.get("id")) is type(message.id)
    assert value.get("method", "") == message.method
    assert (value.get("params") or {}) == message.params
    assert value.get("result") == message.result
    assert value.get("error") == message.error
    kinds = {(True, True): "request", (True, False): "notification", (False, True): "response"}
    assert message.kind == kinds["method" in value, "id" in value]


@examples(100)
@given(st.data(), members(), IDS)
def test_another_id_changes_nothing_else(
    data: st.DataObject, found: dict[str, Any], other: str | int
) -> None:
    body = data.draw(spelled(found))
    try:
        message = jsonrpc.parse(body)
    except jsonrpc.RpcError:
        return
    if not message.raw_id:
        assert "id" not in json.loads(body)
        return
    changed = message.with_id(other)
    assert json.loads(changed) == {**json.loads(body), "id": other}
    assert message.with_id(message.raw_id) == body
    assert jsonrpc.parse(changed).with_id(message.raw_id) == body


@examples(60)
@given(HOSTILE, st.integers(0, 80), st.integers(1, 6))
def test_limits_hold(body: bytes, size: int, depth: int) -> None:
    try:
        message = jsonrpc.parse(body, max_size=size, max_depth=depth)
    except jsonrpc.RpcError:
        return
    assert len(message.body) <= size

    def levels(value: object) -> int:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return (1 if isinstance(value, (dict, list)) else 0) + max(map(levels, inner), default=0)

    assert levels(json.loads(body)) <= depth
