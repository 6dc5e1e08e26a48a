from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ProtocolError
from skerry.wire import endpoints
from skerry.wire.arn import runtime_arn

ARN = runtime_arn("us-east-1", "123456789012", "desk-0123456789")


def test_invocation_url_encodes_the_arn_once():
    url = endpoints.invocation_url("http://127.0.0.1:8000/", ARN)
    assert url == (
        "http://127.0.0.1:8000/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012"
        "%3Aruntime%2Fdesk-0123456789/invocations?qualifier=DEFAULT"
    )


def test_a_bare_runtime_id_needs_its_account():
    url = endpoints.invocation_url(
        "http://127.0.0.1", "desk-0123456789", qualifier="live", account_id="123456789012"
    )
    assert url.endswith("/runtimes/desk-0123456789/invocations?qualifier=live&accountId=123456789012")
    with pytest.raises(ProtocolError, match="no account id"):
        endpoints.invocation_url("http://127.0.0.1", "desk-0123456789")
    with pytest.raises(ProtocolError, match="12 digits"):
        endpoints.invocation_url("http://127.0.0.1", ARN, account_id="12")


def test_the_runtime_is_read_from_the_raw_path():
    path = urlsplit(endpoints.invocation_url("http://127.0.0.1", ARN)).path
    assert endpoints.runtime_identifier(path.encode()) == (ARN, "invocations")
    card = b"/runtimes/desk-0123456789/invocations/.well-known/agent-card.json"
    assert endpoints.runtime_identifier(card) == (
        "desk-0123456789",
        "invocations/.well-known/agent-card.json",
    )


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"/",
        b"/runtimes",
        b"/runtimes/",
        b"/runtimes//invocations",
        b"/runtimes/x",
        b"runtimes/x/invocations",
        b"/gateway/x/mcp",
        b"/runtimes/%FF/invocations",
        b"/runtimes/\xff/invocations",
    ],
)
def test_other_paths_name_no_runtime(path):
    assert endpoints.runtime_identifier(path) is None


@given(st.binary(max_size=200))
def test_no_path_raises(path):
    found = endpoints.runtime_identifier(b"/runtimes/" + path)
    assert found is None or unquote((b"/runtimes/" + path).decode().split("/")[2]) == found[0]


@given(st.text(min_size=1).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)))
def test_every_runtime_identifier_survives_the_url(identifier):
    url = endpoints.invocation_url("http://127.0.0.1", identifier, account_id="123456789012")
    assert endpoints.runtime_identifier(urlsplit(url).path.encode()) == (identifier, "invocations")


@pytest.mark.behaviour("FACT-HOSTS")
def test_planes_in_aws():
    assert endpoints.data_plane("us-east-1") == "https://bedrock-agentcore.us-east-1.amazonaws.com"
    assert endpoints.data_plane("cn-north-1") == "https://bedrock-agentcore.cn-north-1.amazonaws.com.cn"
    assert endpoints.data_plane("us-east-1", dualstack=True) == "https://bedrock-agentcore.us-east-1.api.aws"
    assert endpoints.data_plane("us-east-1", fips=True).startswith("https://bedrock-agentcore-fips.")
    assert endpoints.control_plane("us-east-1").startswith("https://bedrock-agentcore-control.us-east-1.")
    assert endpoints.gateway_base("us-east-1", "desk-0123456789") == (
        "https://desk-0123456789.gateway.bedrock-agentcore.us-east-1.amazonaws.com"
    )
    assert endpoints.gateway_url("http://127.0.0.1:1/", "desk-0123456789") == (
        "http://127.0.0.1:1/gateway/desk-0123456789/mcp"
    )


@pytest.mark.parametrize(
    ("url", "scope"),
    [
        (endpoints.data_plane("eu-west-1"), ("bedrock-agentcore", "eu-west-1")),
        (endpoints.data_plane("us-west-2", fips=True), ("bedrock-agentcore", "us-west-2")),
        (endpoints.gateway_base("us-east-1", "x-0123456789") + "/mcp", ("bedrock-agentcore", "us-east-1")),
        (endpoints.control_plane("us-east-1"), ("bedrock-agentcore-control", "us-east-1")),
        ("https://bedrock-agentcore.us-east-1.amazonaws.com.evil.example/", None),
        ("http://127.0.0.1:8000/gateway/x/mcp", None),
        ("http://[", None),
    ],
)
def test_the_signing_scope_is_read_from_aws_hosts_only(url, scope):
    assert endpoints.signing_scope(url) == scope
