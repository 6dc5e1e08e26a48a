import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ProtocolError
from skerry.relay.splice import splice
from skerry.wire import jsonrpc

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
OBJECT = st.dictionaries(st.text(max_size=3), JSON, max_size=4)


def changed(body, member, put, drop=()):
    message = jsonrpc.parse(body)
    known = message.params if member == "params" else message.result
    return splice(body, member, known, put, drop)


def test_what_stays_is_kept_byte_for_byte():
    body = b'{ "id" : 1, "params" : { "n":1.50e+3 , "_meta":{"x":1}, "big":12345678901234567890123 } , "method":"m","jsonrpc":"2.0"}'
    after = changed(body, "params", {"_meta": {"y": 2}})
    assert b'"n":1.50e+3' in after
    assert b'"big":12345678901234567890123' in after
    assert json.loads(after)["params"] == {"n": 1500.0, "big": 12345678901234567890123, "_meta": {"y": 2}}
    assert after.startswith(b'{ "id" : 1, "params" : {')


def test_nothing_to_change_gives_the_same_bytes():
    body = b'{"jsonrpc":"2.0","id":1,"result":{"a":1}}'
    assert changed(body, "result", {}, ("b",)) is body


def test_params_are_added_where_there_are_none():
    body = b'{"jsonrpc":"2.0","id":1,"method":"m"} \n'
    assert json.loads(changed(body, "params", {"a": 1})) == {**json.loads(body), "params": {"a": 1}}


def test_a_doubled_or_escaped_name_is_gone_altogether():
    body = b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"requestState":1,"a":2,"request\\u0053tate":3}}'
    assert json.loads(changed(body, "params", {}, ("requestState",)))["params"] == {"a": 2}


def test_a_name_inside_a_value_is_left_alone():
    body = b'{"jsonrpc":"2.0","id":1,"result":{"content":{"resultType":"x"},"resultType":"complete"}}'
    after = json.loads(changed(body, "result", {}, ("resultType",)))
    assert after["result"] == {"content": {"resultType": "x"}}


def test_a_value_that_json_cannot_carry_is_refused():
    with pytest.raises(ProtocolError):
        changed(b'{"jsonrpc":"2.0","id":1,"result":{}}', "result", {"a": float("inf")})


@given(OBJECT, OBJECT, st.lists(st.text(max_size=3), max_size=3), st.booleans(), st.sampled_from([None, 2]))
def test_it_does_what_a_dictionary_does(known, put, drop, ascii_only, indent):
    body = json.dumps(
        {"jsonrpc": "2.0", "id": "é", "result": known}, ensure_ascii=ascii_only, indent=indent
    ).encode("utf-8", errors="surrogatepass")
    try:
        message = jsonrpc.parse(body)
    except ProtocolError:
        return  # a lone surrogate has no UTF-8 form
    expected = {name: value for name, value in message.result.items() if name not in {*put, *drop}} | put
    after = splice(body, "result", message.result, put, drop)
    assert jsonrpc.parse(after).result == expected
