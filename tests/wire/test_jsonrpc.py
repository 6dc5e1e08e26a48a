import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skerry.errors import ProtocolError
from skerry.wire import jsonrpc
from skerry.wire.jsonrpc import RpcError

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
# Tokens that make near-misses of messages likely.
fragments = st.lists(
    st.sampled_from(
        [
            b"{",
            b"}",
            b"[",
            b"]",
            b",",
            b":",
            b'"',
            b"\\",
            b'"jsonrpc"',
            b'"2.0"',
            b'"id"',
            b'"method"',
            b'"params"',
            b'"result"',
            b'"error"',
            b"1",
            b"null",
            b"NaN",
            b"1e999",
            b" ",
            b"\xff",
            b"\xef\xbb\xbf",
            b'"\\ud800"',
        ]
    ),
    max_size=30,
).map(b"".join)


def refusal(body: bytes, **limits: int) -> RpcError:
    with pytest.raises(RpcError) as caught:
        jsonrpc.parse(body, **limits)
    return caught.value


def test_a_request():
    body = b'{"jsonrpc":"2.0","id":"a-b","method":"tools/call","params":{"name":"get_email"}}'
    message = jsonrpc.parse(body)
    assert (message.kind, message.method, message.id, message.raw_id) == (
        "request",
        "tools/call",
        "a-b",
        b'"a-b"',
    )
    assert message.params == {"name": "get_email"}
    assert message.body is body


def test_a_notification_has_no_id():
    message = jsonrpc.parse(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
    assert (message.kind, message.id, message.raw_id, message.params) == ("notification", None, b"", {})
    with pytest.raises(ProtocolError, match="notification"):
        message.with_id(1)


def test_responses():
    good = jsonrpc.parse(b'{"jsonrpc":"2.0","id":0,"result":{"tools":[]}}')
    assert (good.kind, good.method, good.id, good.result, good.error) == (
        "response",
        "",
        0,
        {"tools": []},
        None,
    )
    bad = jsonrpc.parse(b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}')
    assert (bad.kind, bad.id, bad.raw_id, bad.error) == (
        "response",
        None,
        b"null",
        {"code": -32700, "message": "x"},
    )


@pytest.mark.parametrize(
    "raw",
    [b'"a-b"', b"0", b"-1", b"9007199254740993", b'"\\u0041"', b'"\\/"', '"ü"'.encode(), b'""', b'"null"'],
)
def test_ids_come_back_byte_for_byte(raw):
    message = jsonrpc.parse(
        b'{"jsonrpc": "2.0", "id" : ' + raw + b' , "method": "ping", "params": {"x": "\xc3\xbc"}}'
    )
    assert message.raw_id == raw
    assert jsonrpc.response(message.raw_id, {}) == b'{"jsonrpc":"2.0","id":' + raw + b',"result":{}}'
    assert message.with_id(message.raw_id) == message.body


def test_a_new_id_changes_nothing_else():
    for text in ("ascii", "ünï 🦭"):
        body = f'{{"params":{{"id":7,"t":"{text}"}},"jsonrpc":"2.0", "id": 7 ,"method":"m"}}'.encode()
        changed = jsonrpc.parse(body).with_id("new")
        assert changed == body.replace(b'"id": 7 ', b'"id": "new" ')


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", jsonrpc.PARSE_ERROR),
        (b"{", jsonrpc.PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":1,"method":"m"} x', jsonrpc.PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":1,"method":"m",}', jsonrpc.PARSE_ERROR),
        (b'{"jsonrpc":"2.0" "id":1}', jsonrpc.PARSE_ERROR),
        (b"{1:2}", jsonrpc.PARSE_ERROR),
        (b'\xef\xbb\xbf{"jsonrpc":"2.0","method":"m"}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","method":"\xff"}', jsonrpc.PARSE_ERROR),
        (b'{"jsonrpc":"2.0","method":"m","params":{"a":NaN}}', jsonrpc.PARSE_ERROR),
        (b'{"jsonrpc":"2.0","method":"m","params":{"a":' + b"1" * 5000 + b"}}", jsonrpc.PARSE_ERROR),
        (b"[]", jsonrpc.INVALID_REQUEST),
        (b'[{"jsonrpc":"2.0","method":"m"}]', jsonrpc.INVALID_REQUEST),
        (b'"text"', jsonrpc.INVALID_REQUEST),
        (b"{}", jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc":"1.0","id":1,"method":"m"}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc":2.0,"id":1,"method":"m"}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":null,"method":"m"}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"m"}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":true,"method":"m"}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":[1],"method":"m"}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":"' + b"x" * 2000 + b'","method":"m"}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":""}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":5}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":"a\\nb"}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","params":[1]}', jsonrpc.INVALID_PARAMS),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","params":null}', jsonrpc.INVALID_PARAMS),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","result":{}}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","result":{}}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":null,"result":{}}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"error":"no"}', jsonrpc.INVALID_REQUEST),
    ],
)
def test_what_is_no_message_is_refused_with_its_code(body, code):
    assert refusal(body).rpc_code == code


@pytest.mark.parametrize("name", ["jsonrpc", "id", "method", "params"])
def test_doubled_members_are_refused_however_they_are_spelled(name):
    members = {"jsonrpc": '"2.0"', "id": "1", "method": '"m"', "params": "{}"}
    text = ",".join(f'"{key}":{value}' for key, value in members.items())
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in name)
    for again in (name, escaped):
        error = refusal(f'{{{text},"{again}":{members[name]}}}'.encode())
        assert error.rpc_code == jsonrpc.INVALID_REQUEST
        assert "twice" in error.message


def test_a_refusal_carries_the_id_when_it_could_be_read():
    assert refusal(b'{"jsonrpc":"2.0","id":"q","method":"m","params":[]}').answer() == (
        b'{"jsonrpc":"2.0","id":"q","error":{"code":-32602,"message":"The member params must be an object."}}'
    )
    assert refusal(b"{").raw_id == b"null"


def test_size_and_depth_are_bounded():
    body = b'{"jsonrpc":"2.0","method":"m","params":{"a":%s%s}}'
    assert jsonrpc.parse(body % (b"[" * 126, b"]" * 126)).kind == "notification"
    assert "deeper than 128" in refusal(body % (b"[" * 127, b"]" * 127)).message
    assert "20 are allowed" in refusal(body % (b"", b"1"), max_size=20).message
    wide = b'{"jsonrpc":"2.0","method":"m","params":{"a":[%s]}}' % b",".join([b"[]"] * 5000)
    assert len(jsonrpc.parse(wide).params["a"]) == 5000
    in_text = b'{"jsonrpc":"2.0","method":"m","params":{"a":"%s\\"["}}' % (b"[" * 5000)
    assert jsonrpc.parse(in_text).kind == "notification"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"jsonrpc":' + b"[" * 100_000,
        b'"' + b'\\"' * 300_000 + b"[" * 200,
        b'"' + b"\\" * 600_001 + b"[" * 200,
        b'{"' * 200_000,
    ],
)
def test_hostile_nesting_ends_quickly_as_a_refusal(body):
    assert refusal(body).rpc_code in {jsonrpc.PARSE_ERROR, jsonrpc.INVALID_REQUEST}


@given(st.binary(max_size=200) | fragments)
@example(b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"\\ud800":"\\udfff"}}')
def test_no_bytes_raise_anything_but_a_refusal(body):
    try:
        message = jsonrpc.parse(body)
    except RpcError as refused:
        answer, code = refused.answer(), refused.rpc_code
    else:
        check_kind(message, json.loads(body))
        return
    assert json.loads(answer)["error"]["code"] == code


def check_kind(message, data):
    assert message.id == data.get("id")
    assert message.kind == (
        "response" if "method" not in data else "request" if "id" in data else "notification"
    )


@given(
    st.integers() | st.text(max_size=50),
    st.text("abc/é", min_size=1),
    st.dictionaries(st.text(), json_values),
)
def test_requests_are_read_as_they_were_written(identifier, method, params):
    message = jsonrpc.parse(jsonrpc.request(identifier, method, params))
    assert (message.kind, message.id, message.method, message.params) == (
        "request",
        identifier,
        method,
        params,
    )
    assert json.loads(message.with_id(7)) == {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}


@given(st.integers() | st.text(max_size=50), json_values)
def test_responses_are_read_as_they_were_written(identifier, result):
    assert jsonrpc.parse(jsonrpc.response(identifier, result)).result == result
    failed = jsonrpc.parse(jsonrpc.error(identifier, -1, "no", result))
    assert failed.error is not None
    assert failed.error.get("data") == result


def test_builders():
    assert jsonrpc.notification("n") == b'{"jsonrpc":"2.0","method":"n"}'
    assert jsonrpc.request(1, "m") == b'{"jsonrpc":"2.0","id":1,"method":"m"}'
    assert jsonrpc.error(None, -32700, "ü") == (
        '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"ü"}}'.encode()
    )
    assert jsonrpc.encode("\ud800") == b'"\\ud800"'
    endless: list[object] = []
    endless.append(endless)
    for hostile in (float("nan"), {1, 2}, endless, {"a": b"bytes"}):
        with pytest.raises(ProtocolError):
            jsonrpc.encode(hostile)
