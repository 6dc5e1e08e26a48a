from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from skerry.auth.aws import canonical, sigv4
from skerry.auth.aws.sigv4 import Credentials
from skerry.errors import SignatureError
from skerry.wire.arn import runtime_arn
from skerry.wire.context import ClientContext
from skerry.wire.endpoints import invocation_url

NOW = 1_800_000_000.0
KEY = Credentials("AKIAEXAMPLE", "secret/with+signs=")
TEMPORARY = Credentials("ASIAEXAMPLE", "another secret", "token//with+signs==")
SERVICE = "bedrock-agentcore"
URL = invocation_url("http://127.0.0.1:8123", runtime_arn("us-east-1", "123456789012", "desk-0123456789"))
HEADERS = {
    "Content-Type": "application/json",
    "Accept": "text/event-stream",
    "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id": "s" * 36,
    "Mcp-Protocol-Version": "2025-11-25",
}
UNSIGNED = {
    **ClientContext(session_id="s" * 36, agent_name="Desk", timestamp=NOW).to_headers(),
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": "a=b",
    "baggage": "c=d",
    "X-Amzn-Trace-Id": "Root=1-2-3",
    "User-Agent": "test",
}


def signed(method="POST", url=URL, headers=HEADERS, body=b"{}", *, credentials=KEY, service=SERVICE, now=NOW):
    """All headers of a request as a server sees them."""
    added = sigv4.sign(
        method, url, headers, body, credentials=credentials, region="us-east-1", service=service, now=now
    )
    return [("Host", urlsplit(url).netloc), *headers.items(), *added.items()]


def check(headers, *, method="POST", url=URL, body=b"{}", credentials=KEY, now=NOW, **options):
    parts = urlsplit(url)
    shown = sigv4.presented(method, parts.path.encode(), parts.query.encode(), headers)
    expected = {"expected_token": credentials.session_token, **options}
    sigv4.check(shown, body, credentials.secret_access_key, now=now, **expected)
    return shown


def reason(headers, **options):
    with pytest.raises(SignatureError) as caught:
        check(headers, **options)
    return caught.value.reason


def test_what_is_signed_holds():
    shown = check(signed())
    assert (shown.access_key_id, shown.region, shown.service, shown.form) == (
        "AKIAEXAMPLE",
        "us-east-1",
        SERVICE,
        "header",
    )
    assert shown.timestamp == NOW


@pytest.mark.behaviour("AUTH-SIGV4-PATH")
def test_the_arn_in_the_path_is_encoded_a_second_time():
    parts = urlsplit(URL)
    shown = sigv4.presented("POST", parts.path.encode(), parts.query.encode(), signed())
    path = sigv4.canonical_request(shown, b"{}").split(b"\n")[1]
    assert path.startswith(b"/runtimes/arn%253Aaws%253Abedrock-agentcore%253Aus-east-1")
    assert b"runtime%252Fdesk-0123456789/invocations" in path


@pytest.mark.behaviour("AUTH-SIGV4-UNSIGNED")
def test_client_context_and_trace_headers_are_never_signed_and_may_change():
    headers = signed(headers={**HEADERS, **UNSIGNED})
    shown = check(headers)
    assert not {name.lower() for name in UNSIGNED} & set(shown.signed_headers)
    check([(name, "changed" if name in UNSIGNED else value) for name, value in headers])
    check([(name, value) for name, value in headers if name not in UNSIGNED])


def test_headers_that_matter_are_signed():
    shown = check(signed(credentials=TEMPORARY), credentials=TEMPORARY)
    assert shown.signed_headers == (
        "accept",
        "content-type",
        "host",
        "mcp-protocol-version",
        "x-amz-date",
        "x-amz-security-token",
        "x-amzn-bedrock-agentcore-runtime-session-id",
    )
    for name in HEADERS:
        changed = [(key, "x" if key == name else value) for key, value in signed()]
        assert reason(changed) == "mismatch"


def test_a_key_derived_for_another_day_is_of_no_use():
    """Whoever got hold of yesterday's signing key, but not of the secret, cannot sign today."""
    stamp = datetime.fromtimestamp(NOW, UTC).strftime("%Y%m%dT%H%M%SZ")
    old = canonical.signing_key(KEY.secret_access_key, "20200101", "us-east-1", SERVICE)
    scope = f"20200101/us-east-1/{SERVICE}/aws4_request"
    request = f"GET\n/\n\nhost:h\nx-amz-date:{stamp}\n\nhost;x-amz-date\n{hashlib.sha256(b'').hexdigest()}"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(old, text.encode(), "sha256").hex()
    credential = f"Credential={KEY.access_key_id}/{scope}"
    authorization = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host;x-amz-date, Signature={signature}"
    headers = [("Host", "h"), ("X-Amz-Date", stamp), ("Authorization", authorization)]
    assert reason(headers, method="GET", url="http://h/", body=b"") == "scope"


@pytest.mark.behaviour("AUTH-SIGV4-AMZ")
def test_an_x_amz_header_must_be_signed_when_it_is_there():
    assert reason([*signed(), ("X-Amz-Target", "Other.Operation")]) == "unsigned-header"
    check(signed(headers={**HEADERS, "X-Amz-Target": "The.Operation"}))


@pytest.mark.behaviour("AUTH-SIGV4-CLOCK")
@pytest.mark.parametrize(
    ("seconds", "expected"), [(-901, "skew"), (-900, None), (0, None), (900, None), (901, "expired")]
)
def test_clocks_may_differ_by_a_quarter_of_an_hour(seconds, expected):
    headers = signed()
    if expected is None:
        check(headers, now=NOW + seconds)
    else:
        assert reason(headers, now=NOW + seconds) == expected


@pytest.mark.behaviour("AUTH-SIGV4-TOKEN")
def test_the_session_token_must_be_that_of_the_key():
    check(signed(credentials=TEMPORARY), credentials=TEMPORARY)
    assert reason(signed(credentials=TEMPORARY), credentials=TEMPORARY, expected_token="other") == "token"
    assert reason(signed(credentials=TEMPORARY), credentials=TEMPORARY, expected_token=None) == "token"
    assert reason(signed(), expected_token="a token") == "token"
    assert reason([*signed(), ("X-Amz-Security-Token", "")], expected_token=None) == "token"


def test_the_scope_is_the_callers_to_check():
    shown = check(signed())
    shown.require(service=SERVICE)
    shown.require(service=SERVICE, region="us-east-1")
    for wrong in ({"service": "lambda"}, {"service": SERVICE, "region": "eu-west-1"}):
        with pytest.raises(SignatureError) as caught:
            shown.require(**wrong)
        assert caught.value.reason == "scope"


@pytest.mark.behaviour("AUTH-SIGV4-PAYLOAD")
def test_the_stated_payload_hash():
    digest = hashlib.sha256(b"{}").hexdigest()
    check(signed(headers={**HEADERS, "X-Amz-Content-SHA256": digest}))
    lying = signed(headers={**HEADERS, "X-Amz-Content-SHA256": "0" * 64})
    assert reason(lying) == "payload"
    for word in ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "", "é"):
        assert reason([*signed(), ("X-Amz-Content-SHA256", word)]) == "payload"


@pytest.mark.parametrize("path", ["/bucket/a//b/../c", "/bucket/a%20b%2Bc", "/bucket/%E1%88%B4", "/"])
def test_s3_paths_are_taken_as_they_are(path):
    url = f"http://127.0.0.1:1{path}"
    headers = signed("PUT", url, {}, b"data", service="s3")
    assert "X-Amz-Content-SHA256" in dict(headers)
    shown = check(headers, method="PUT", url=url, body=b"data")
    assert shown.canonical_head.split(b"\n")[1] == path.encode()
    assert reason(headers, method="PUT", url=url, body=b"other") == "payload"


@pytest.mark.parametrize("url", ["http://", "http://[", "http://h:99999/", "nothing", ""])
def test_a_url_that_cannot_be_signed_is_a_signature_error(url):
    with pytest.raises(SignatureError):
        sigv4.sign("GET", url, {}, b"", credentials=KEY, region="r", service="s", now=NOW)


def test_default_ports_are_no_part_of_the_host():
    for url, host in (
        ("https://example.com:443/", "example.com"),
        ("http://example.com:80/", "example.com"),
        ("http://example.com:81/", "example.com:81"),
        ("http://[::1]:81/", "[::1]:81"),
        ("http://user:pass@example.com/", "example.com"),
    ):
        added = sigv4.sign("GET", url, {}, b"", credentials=KEY, region="us-east-1", service="x", now=NOW)
        check([("Host", host), *added.items()], method="GET", url=url, body=b"")


def test_the_date_header_serves_where_there_is_no_x_amz_date():
    stamp = datetime.fromtimestamp(NOW, UTC)
    scope = f"{stamp:%Y%m%d}/us-east-1/s/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential=K/{scope}, SignedHeaders=date;host, Signature={'0' * 64}"
    headers = [
        ("Host", "h"),
        ("Date", stamp.strftime("%a, %d %b %Y %H:%M:%S GMT")),
        ("Authorization", authorization),
    ]
    assert sigv4.presented("GET", b"/", b"", headers).timestamp == NOW
    for wrong in ("yesterday", "", "Mon, 99 Foo 2099 99:99:99 GMT"):
        with pytest.raises(SignatureError):
            sigv4.presented(
                "GET", b"/", b"", [("Host", "h"), ("Date", wrong), ("Authorization", authorization)]
            )


def test_secrets_do_not_show():
    shown = check(signed(credentials=TEMPORARY), credentials=TEMPORARY)
    for text in (repr(TEMPORARY), repr(shown)):
        assert "another secret" not in text
        assert "token//" not in text
        assert shown.signature not in text
    with pytest.raises(SignatureError) as caught:
        check(signed(credentials=TEMPORARY), credentials=TEMPORARY, expected_token="the right one")
    assert "token//" not in str(caught.value)
    assert "the right one" not in str(caught.value)


segments = st.text("ab/.% +é:~-_", max_size=12)
values = st.text("ab =+&%é:/~ ", max_size=10)
bodies = st.binary(max_size=64)


@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    segments,
    st.lists(st.tuples(values, values), max_size=4),
    st.dictionaries(
        st.sampled_from(["content-type", "accept", "mcp-name", "x-amz-x"]), st.text("ab \t,", max_size=9)
    ),
    bodies,
    st.sampled_from([SERVICE, "s3", "lambda"]),
    st.booleans(),
)
def test_every_signed_request_holds_and_no_change_does(
    method, path, query, headers, body, service, temporary
):
    credentials = TEMPORARY if temporary else KEY
    text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    url = f"http://127.0.0.1:8123/{quote(path, safe='/%')}?{text}"
    sent = signed(method, url, headers, body, credentials=credentials, service=service)
    options = {"method": method, "url": url, "body": body, "credentials": credentials}
    check(sent, **options)
    assert reason(sent, **{**options, "method": method + "X"}) == "mismatch"
    assert reason(sent, **{**options, "body": body + b"x"}) in {"mismatch", "payload"}
    assert reason(sent, **{**options, "url": url + "&x=y"}) == "mismatch"
    assert reason(sent, **{**options, "url": url.replace("/?", "?").replace("?", "/x?", 1)}) == "mismatch"
    other = replace(credentials, secret_access_key="not this one")
    assert reason(sent, **{**options, "credentials": other}) == "mismatch"


@given(bodies, st.integers(0, 63), st.sampled_from("0123456789abcdef"))
def test_no_other_signature_holds(body, at, digit):
    sent = dict(signed(body=body))
    head, _, signature = sent["Authorization"].rpartition("Signature=")
    assume(signature[at] != digit)
    sent["Authorization"] = f"{head}Signature={signature[:at]}{digit}{signature[at + 1 :]}"
    assert reason(list(sent.items()), body=body) == "mismatch"


anything = st.text(max_size=30)


@given(
    anything,
    st.binary(max_size=30),
    st.binary(max_size=60),
    st.lists(
        st.tuples(
            st.sampled_from(
                ["Authorization", "Host", "X-Amz-Date", "Date", "X-Amz-Content-SHA256", "x-amz-y"]
            )
            | anything,
            anything
            | st.sampled_from(
                [
                    "20270115T080000Z",
                    "99999999T999999Z",
                    "Mon, 01 Jan 0001 00:00:00 +9999",
                    f"AWS4-HMAC-SHA256 Credential=K/20270115/r/s/aws4_request, SignedHeaders=host, Signature={'0' * 64}",
                    "AWS4-HMAC-SHA256 Credential=K/r/s/aws4_request, SignedHeaders=;;host, Signature=",
                ]
            ),
        ),
        max_size=6,
    ),
)
@example("GET", b"/", b"X-Amz-Signature=%ff&X-Amz-Algorithm=", [])
@example("\ud800", b"/\xff/%zz/..", b"%ff=%f&==&", [("\ud800", "\ud800"), ("Authorization", "\udfff")])
def test_no_request_raises_anything_but_a_signature_error(method, path, query, headers):
    try:
        shown = sigv4.presented(method, path, query, headers)
        sigv4.check(shown, b"", "\ud800 secret", now=NOW)
    except SignatureError as refused:
        answer = refused
    else:
        pytest.fail("nobody can guess a signature")
    assert answer.reason


@given(
    st.text(max_size=40), st.dictionaries(st.sampled_from(["Host", "Accept", "Mcp-Name"]), anything), bodies
)
def test_no_request_to_sign_raises_anything_but_a_signature_error(url, headers, body):
    try:
        added = sigv4.sign("GET", url, headers, body, credentials=TEMPORARY, region="r", service="s", now=NOW)
    except SignatureError:
        return
    assert all("\n" not in value and "\r" not in value for value in added.values())
