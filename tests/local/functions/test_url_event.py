"""Requests as events and values as responses, for any request and any value."""

from __future__ import annotations

import base64
import json
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skerry.local.functions import url_event, web_adapter
from skerry.local.functions.cors import answered, preflight
from skerry.local.functions.settings import Cors
from skerry.local.functions.url_event import PRELUDE_END, Asked, BadAnswerError, PreludeReader
from skerry.local.functions.urls import asked, control_name
from skerry.local.ports.callers import Caller

ASKED = Asked(
    url_id="abc",
    domain="abc.lambda-url.us-east-1.on.aws",
    path="/x",
    caller=Caller(kind="anonymous"),
    request_id="r",
    now=1_800_000_000.5,
)
names = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=12).map(str.encode)
octets = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20
)
headers = st.lists(st.tuples(names, octets.map(lambda text: text.encode("latin-1"))), max_size=6)


def scope(given=(), query: bytes = b"", method: str = "GET") -> dict:
    return {
        "method": method,
        "headers": list(given),
        "query_string": query,
        "http_version": "1.1",
        "scheme": "http",
        "client": ("127.0.0.1", 5),
        "server": ("127.0.0.1", 4700),
    }


@given(headers, st.binary(max_size=60), st.text(string.printable, max_size=30))
def test_any_request_becomes_an_event_that_is_json_and_has_all_of_it(given, body: bytes, query: str) -> None:
    event = json.loads(json.dumps(url_event.event(scope(given, query.encode()), body, ASKED)))
    assert event["rawQueryString"] == query
    got = event.get("body", "")
    assert (base64.b64decode(got) if event["isBase64Encoded"] else got.encode()) == body
    for name, value in given:
        if name.lower() == b"cookie":
            continue
        if not name.lower().startswith(b"x-forwarded-"):
            assert value.decode("latin-1") in event["headers"][name.decode().lower()]


def test_the_time_is_written_in_english_whatever_the_locale_is() -> None:
    context = url_event.event(scope(), b"", ASKED)["requestContext"]
    assert (context["time"], context["timeEpoch"]) == ("15/Jan/2027:08:00:00 +0000", 1_800_000_000_500)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {"statusCode": st.integers(0, 700) | json_values},
        optional={
            "headers": json_values,
            "cookies": json_values,
            "body": json_values,
            "isBase64Encoded": st.booleans(),
        },
    )
    | json_values
)
@example({"statusCode": 200, "body": "\ud800"})
@example({"statusCode": 200, "headers": {"": "x"}})
@example({"statusCode": 200, "headers": {"Content-Length": "5", "x": True}})
def test_any_value_is_a_response_or_a_bad_gateway(value) -> None:
    try:
        answer = url_event.answer(json.dumps(value).encode())
    except BadAnswerError:
        assert isinstance(value, dict)
        return
    assert 200 <= answer.status <= 599
    for name, text in answer.headers:
        assert name == name.lower()
        assert not set(b"\r\n\0") & set(name + text)
        assert name not in (b"content-length", b"connection", b"transfer-encoding")


@given(st.binary(max_size=80))
def test_what_is_no_json_is_a_bad_gateway(payload: bytes) -> None:
    try:
        url_event.answer(payload)
    except BadAnswerError:
        return
    assert not payload or json.loads(payload) is not Ellipsis


@given(st.binary(max_size=60), st.lists(st.integers(1, 9), max_size=30))
def test_a_prelude_is_found_however_it_is_cut(body: bytes, cuts: list[int]) -> None:
    whole = (
        json.dumps({"statusCode": 201, "headers": {"a": "b"}, "cookies": ["c=d"]}).encode()
        + PRELUDE_END
        + body
    )
    reader, found, rest = PreludeReader(), None, b""
    position = 0
    for size in [*cuts, len(whole)]:
        piece, position = whole[position : position + size], position + size
        if found is None:
            result = reader.feed(piece)
            if result is not None:
                found, rest = result
        else:
            rest += piece
    assert found is not None
    assert (found.status, rest) == (201, body)
    assert (b"set-cookie", b"c=d") in found.headers


@pytest.mark.parametrize("prelude", [b"[]", b"nonsense", b'{"statusCode": 1}', b"\xff"])
def test_a_prelude_that_is_none_is_a_bad_gateway(prelude: bytes) -> None:
    with pytest.raises(BadAnswerError):
        PreludeReader().feed(prelude + PRELUDE_END)


def test_a_prelude_that_does_not_end_is_not_kept() -> None:
    reader = PreludeReader()
    for _ in range(url_event.MAX_PRELUDE // 1024):
        assert reader.feed(b"x" * 1024) is None
    with pytest.raises(BadAnswerError):
        reader.feed(b"x")


@given(st.binary(max_size=60), st.text(max_size=40))
def test_any_path_and_host_is_a_url_or_none(path: bytes, host: str) -> None:
    asked(path, host)
    control_name(path)


@pytest.mark.parametrize(
    ("path", "host", "expected"),
    [
        (b"/function-urls/abc", "", ("abc", "/")),
        (b"/function-urls/abc/", "", ("abc", "/")),
        (b"/function-urls/abc/x/%2F", "", ("abc", "/x/%2F")),
        (b"/function-urls/abc/x", "def.lambda-url.us-east-1.localhost:4700", ("def", "/function-urls/abc/x")),
        (b"/x", "ABC.lambda-url.us-east-1.localhost", ("abc", "/x")),
        (b"/x", "abc.lambda-url.us-east-1.localhost.evil.example", None),
        (b"/function-urls/", "", None),
        (b"/function-urls/a%2Fb", "", None),
    ],
)
def test_which_url_is_asked(path: bytes, host: str, expected) -> None:
    assert asked(path, host) == expected


@pytest.mark.behaviour("FN-WEB-IDENTITY")
@given(
    st.dictionaries(
        st.text(string.ascii_letters + "-_", min_size=1, max_size=24), st.text(max_size=5), max_size=5
    )
)
@example({"X-Amzn-Request-Context": "{}", "x_amzn_lambda_context": "{}", "X-AMZN_request-context": "{}"})
def test_no_header_of_a_caller_is_taken_for_ours(sent: dict[str, str]) -> None:
    event = {"rawPath": "/", "headers": sent, "requestContext": {"http": {"method": "GET"}, "own": True}}
    request = web_adapter.Request(event, {"ours": True})
    ours = [
        name
        for name in request.headers
        if name.lower().replace("_", "-").startswith("x-amzn-request-context")
    ]
    assert "x-amzn-request-context" in ours
    assert json.loads(request.headers["x-amzn-request-context"])["own"] is True
    assert {name.lower().replace("_", "-") for name in request.headers} >= {"x-amzn-lambda-context"}
    assert [
        name for name in request.headers if name.lower().replace("_", "-") == "x-amzn-lambda-context"
    ] == ["x-amzn-lambda-context"]


origins = st.sampled_from(["https://a.example", "https://b.example", "null", "*", "https://a.example.evil"])


@pytest.mark.behaviour("FN-URL-CORS")
@given(st.sets(origins, max_size=3), st.booleans(), origins)
def test_no_rules_give_credentials_to_every_origin(allowed: set[str], credentials: bool, origin: str) -> None:
    rules = Cors(allow_origins=tuple(allowed), allow_credentials=credentials)
    asking = {"origin": origin, "access-control-request-method": "GET"}
    for found in (dict(preflight(rules, asking)), dict(answered(rules, asking, []))):
        allowing = found.get(b"access-control-allow-origin")
        if b"access-control-allow-credentials" in found:
            assert allowing == origin.encode()
            assert origin in allowed
            assert allowing != b"*"
        elif allowing not in (None, b"*"):
            assert origin in allowed
