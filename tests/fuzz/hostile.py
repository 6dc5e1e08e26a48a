"""Strategies: bytes and JSON as nobody should send them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

JSON_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(min_value=-(2**80), max_value=2**80),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=12),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
IDS = st.one_of(
    st.integers(min_value=-(2**70), max_value=2**70),
    st.integers(min_value=0, max_value=5),
    st.text(max_size=6),
    st.sampled_from(["", "1", "a-b", '"', "\\", "\x00", "é☃😀", "\u2028"]),
)
METHODS = st.one_of(
    st.sampled_from(
        [
            "initialize",
            "notifications/initialized",
            "notifications/cancelled",
            "notifications/progress",
            "notifications/message",
            "ping",
            "tools/list",
            "tools/call",
            "resources/subscribe",
            "logging/setLevel",
            "server/discover",
            "subscriptions/listen",
            "sampling/createMessage",
            "elicitation/create",
        ]
    ),
    st.text(min_size=1, max_size=12),
)
SCRAPS = st.sampled_from(
    [
        b"",
        b" ",
        b"\r",
        b"\r\n",
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"{",
        b"}",
        b"[]",
        b"[" * 200,
        b'{"a":' * 200,
        b"null",
        b"42",
        b'"text"',
        b"NaN",
        b"{not json}",
        b'{"jsonrpc":"2.0"}',
        b'{"jsonrpc":"2.0","id":null,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1e400,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":true,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":{},"method":"ping"}',
        b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":"\\ud800","method":"ping"}',
        b'{"jsonrpc":"2.0","id":"\xff","method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":""}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}',
        b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}',
        b'{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"m"}}',
        b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{}}}',
        b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":[]}}',
        b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]',
        b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b',"method":"ping"}',
        b'{"jsonrpc":"2.0","id":"' + b"i" * 2000 + b'","method":"ping"}',
        b'{"jsonrpc":"2.0","method":"' + b"m" * 2000 + b'"}',
    ]
)


@st.composite
def members(draw: st.DrawFn) -> dict[str, Any]:
    """The members of something that is nearly a JSON-RPC message, or is one."""
    found: dict[str, Any] = {"jsonrpc": "2.0"}
    kind = draw(st.sampled_from(["request", "notification", "result", "error", "odd"]))
    if kind in ("request", "result", "error"):
        found["id"] = draw(IDS)
    if kind in ("request", "notification"):
        found["method"] = draw(METHODS)
        if draw(st.booleans()):
            found["params"] = draw(st.dictionaries(st.text(max_size=8), JSON_VALUES, max_size=3))
    if kind == "result":
        found["result"] = draw(JSON_VALUES)
    if kind == "error":
        found["error"] = {"code": draw(st.integers(-40000, 0)), "message": draw(st.text(max_size=8))}
    if kind == "odd":
        names = st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error", "extra"])
        found |= draw(st.dictionaries(names, JSON_VALUES, max_size=5))
    return found


@st.composite
def spelled(draw: st.DrawFn, found: dict[str, Any]) -> bytes:
    """A message in one of the ways in which JSON may be written."""
    text = json.dumps(
        found,
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, None, 1])),
        separators=draw(st.sampled_from([None, (",", ":"), (" ,\t", " :  ")])),
    )
    return text.encode("utf-8", "surrogatepass")


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """The bytes with a few of them changed, removed or doubled."""
    body = bytearray(whole)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(body)))
        if draw(st.booleans()):
            body[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
        else:
            body[at:at] = body[max(0, at - 8) : at]
    return bytes(body)


MESSAGES = members().flatmap(spelled)
"""Bytes of one message, valid JSON-RPC or nearly so."""
HOSTILE = st.one_of(MESSAGES, MESSAGES.flatmap(damaged), SCRAPS, st.binary(max_size=64))
"""Bytes of anything."""


@st.composite
def pieces(draw: st.DrawFn, whole: bytes, most: int = 8) -> list[bytes]:
    """The bytes cut anywhere, empty pieces included; now and then after every byte."""
    if len(whole) < 200 and draw(st.integers(0, 3)) == 0:
        return [whole[at : at + 1] for at in range(len(whole))]
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=most)))
    ends = [0, *cuts, len(whole)]
    return [whole[start:end] for start, end in pairwise(ends)]
