import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skerry.wire import headers


@pytest.mark.parametrize(
    "name", ["X-Team", "x-client-region", "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant", "Mcp-Session-Id"]
)
def test_names_that_a_runtime_may_allow(name):
    assert headers.allowlist_problem(name, jwt=False) is None


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "COOKIE",
        "X-Forwarded-For",
        "Via",
        "X-Real-IP",
        "x-amz-date",
        "X-Amz-Bedrock-AgentCore-Identity-WAT",
        "X-Amzn-Trace-Id",
        "X-Amzn-Bedrock-AgentCore-Runtime-Custom-",
        "",
        "1-X",
        "X Y",
        "X\r\nY",
        "X:Y",
        "Ünï",
        "X" * 257,
        "*",
    ],
)
def test_names_that_a_runtime_may_not_allow(name):
    assert headers.allowlist_problem(name, jwt=True)


def test_authorization_needs_a_jwt_authorizer():
    assert headers.allowlist_problem("authorization", jwt=True) is None
    assert headers.allowlist_problem("Authorization", jwt=False) == (
        "Authorization header can be specified in requestHeaderAllowlist only when runtime is set up with "
        "customJWTAuthorizer"
    )


@pytest.mark.parametrize("name", ["Authorization", "Host", "X-Amzn-Anything", "x-amz-target", "a b", "", "é"])
def test_names_that_a_gateway_does_not_pass_on(name):
    assert headers.gateway_header_problem(name)


@pytest.mark.parametrize(
    "name",
    ["X-Session-ID", "X-Client-Preferences", "1_x", "X-Amzn-Bedrock-AgentCore-Runtime-Custom-A", "Via"],
)
def test_names_that_a_gateway_passes_on(name):
    assert headers.gateway_header_problem(name) is None


def test_the_restricted_list_is_that_of_the_sdk():
    models = pytest.importorskip("bedrock_agentcore.runtime.models")
    assert models.RESTRICTED_HEADERS == headers.RESTRICTED


def test_select_keeps_order_case_and_doubles():
    pairs = [("X-B", "1"), ("x-a", "2"), ("X-C", "3"), ("X-B", "4")]
    assert headers.select(pairs, ["x-b", "X-A"]) == [("X-B", "1"), ("x-a", "2"), ("X-B", "4")]
    raw = [(b"X-B", b"1"), (b"\xff", b"2")]
    assert headers.select(raw, {"x-b"}) == [(b"X-B", b"1")]


@pytest.mark.parametrize(
    ("value", "good"), [("a" * 4096, True), ("a" * 4097, False), ("a\tb", False), ("é", False)]
)
def test_values_are_printable_and_at_most_4_kb(value, good):
    assert (headers.value_problem(value) is None) is good


@given(st.text().filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)))
@example("=?base64?YQ==?=")
@example(" edge ")
@example("line\r\nInjected: yes")
def test_every_text_survives_a_header_value(text):
    value = headers.encode_value(text)
    assert value.isascii()
    assert value == "" or value.isprintable()
    assert value == value.strip()
    assert headers.decode_value(value) == text


def test_plain_text_is_sent_as_it_is():
    assert headers.encode_value("accounts___get_email") == "accounts___get_email"
    assert headers.decode_value("accounts___get_email") == "accounts___get_email"


@pytest.mark.parametrize(
    "value", ["=?base64?***?=", "=?base64?YQ=?=", "=?base64?YR==?=", "=?base64?/w==?=", "=?base64?é?="]
)
def test_a_damaged_marked_value_is_none(value):
    assert headers.decode_value(value) is None


@given(st.text())
def test_no_value_raises(text):
    headers.decode_value(text)
    headers.decode_value(f"=?base64?{text}?=")
    assert headers.encode_value(text).isascii()


def test_the_encoding_is_that_of_the_mcp_sdk():
    inbound = pytest.importorskip("mcp.shared.inbound")
    for text in ("plain", " edge", "ünï", "a\nb", "=?base64?YQ==?=", ""):
        assert headers.encode_value(text) == inbound.encode_header_value(text)
        assert inbound.decode_header_value(headers.encode_value(text)) == text
