"""Which plane serves what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.local.routing import credential_service, plane_of

ARN = "arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fdesk-0123456789"
OWN = b"/2015-03-31/functions/mine/invocations"


def signed(service):
    value = f"AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    return [(b"host", b"x"), (b"authorization", value.encode())]


def plane(path, headers=(), query=b""):
    return plane_of(path.encode(), query, headers, declared=lambda raw_path: raw_path == OWN)


@pytest.mark.behaviour("END-ROUTING")
@pytest.mark.parametrize(
    ("path", "service", "name"),
    [
        (f"/runtimes/{ARN}/invocations", "bedrock-agentcore", "runtime"),
        (f"/runtimes/{ARN}/invocations", "", "runtime"),
        (f"/runtimes/{ARN}/invocations/.well-known/oauth-protected-resource", "", "runtime"),
        ("/runtimes/desk-0123456789/stopruntimesession", "bedrock-agentcore", "runtime"),
        ("/runtimes/desk-0123456789/commands", "bedrock-agentcore", "runtime"),
        ("/runtimes/desk-0123456789/ws/shells", "bedrock-agentcore", "runtime"),
        ("/runtimes/", "bedrock-agentcore", "control"),
        ("/runtimes/desk-0123456789/", "bedrock-agentcore", "control"),
        ("/runtimes/desk-0123456789/versions/", "bedrock-agentcore", "control"),
        ("/runtimes/desk-0123456789/runtime-endpoints/", "bedrock-agentcore", "control"),
        ("/gateways/", "bedrock-agentcore", "control"),
        ("/gateways/", "", "control"),
        ("/tags/x", "bedrock-agentcore", "control"),
        ("/identities/CreateWorkloadIdentity", "bedrock-agentcore", "control"),
        ("/identities/get-token-vault", "bedrock-agentcore", "control"),
        ("/identities/oauth2", "", "control"),
        ("/identities/GetWorkloadAccessTokenForJWT", "bedrock-agentcore", "identity"),
        ("/identities/GetWorkloadAccessToken", "", "identity"),
        ("/identities/oauth2/token", "bedrock-agentcore", "identity"),
        ("/identities/api-key", "bedrock-agentcore", "identity"),
        ("/identities/CompleteResourceTokenAuth", "", "identity"),
        ("/identities/oauth2/authorize", "", "identity"),
        ("/identities/oauth2/callback/0-1", "", "identity"),
        ("/identities/oauth2/callback/0-1", "s3", "aws"),
        ("/gateway/desk-0123456789/mcp", "bedrock-agentcore", "gateway"),
        ("/gateway/desk-0123456789/mcp", "", "gateway"),
        ("/.well-known/oauth-protected-resource/gateway/desk-0123456789/mcp", "", "gateway"),
        ("/model/local-router/converse", "bedrock", "models"),
        ("/guardrail/g/version/1/apply", "bedrock", "models"),
        ("/2015-03-31/functions/mine/invocations", "lambda", "functions"),
        ("/2015-03-31/functions/other/invocations", "lambda", "aws"),
        ("/2015-03-31/functions/", "lambda", "aws"),
        ("/_skerry/health", "", "inspection"),
        ("/_skerry/hops", "skerry", "inspection"),
        ("/gateway/report.csv", "s3", "aws"),
        ("/model/weights", "s3", "aws"),
        ("/", "ec2", "aws"),
        ("/", "", "aws"),
        ("/bucket/key", "", "aws"),
    ],
)
def test_planes(path, service, name):
    assert plane(path, signed(service) if service else []) == name


@pytest.mark.parametrize(
    "query",
    [
        b"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=x",
        b"X-Amz-Credential=AKIA/20260101/us-east-1/s3/aws4_request",
        b"AWSAccessKeyId=AKIA&Signature=x&Expires=1",
    ],
)
def test_a_presigned_query_has_a_scope_too(query):
    assert credential_service(query, []) == "s3"
    assert plane("/gateway/x", query=query) == "aws"


def test_a_bearer_token_has_no_scope():
    assert credential_service(b"", [(b"authorization", b"Bearer a.b.c")]) == ""
    assert plane("/gateways/", [(b"authorization", b"Bearer a.b.c")]) == "control"


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=60))
def test_every_request_has_a_plane(path, query, authorization):
    headers = [(b"authorization", authorization)]
    assert plane_of(b"/" + path, query, headers, declared=lambda _: False) != "functions"
