"""Reading requests, header lists and pings: pure functions."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ServiceError
from skerry.local.runtime.headers import allowed, from_program, to_program
from skerry.local.runtime.record import Runtime
from skerry.local.runtime.request import Request
from skerry.local.runtime.sessions.health import Health, read_ping
from skerry.local.runtime.settings import basics
from tests.kit.runtime_plane import record

ARN = b"arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fops-0123456789"


def scope(path, *, method="POST", query=b"", headers=()):
    return {
        "type": "http",
        "method": method,
        "raw_path": path,
        "query_string": query,
        "headers": list(headers),
    }


def test_the_arn_is_read_from_the_raw_path():
    request = Request.of(scope(b"/runtimes/%s/invocations" % ARN, query=b"qualifier=prod"))
    assert ("InvokeAgentRuntime", "prod") == (request.operation, request.qualifier)
    assert "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/ops-0123456789" == request.identifier


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        (b"/runtimes/%s/invocations" % ARN, "PUT", 405),
        (b"/runtimes/%s/commands" % ARN, "GET", 405),
        (b"/runtimes/%s/ws" % ARN, "GET", 426),
        (b"/runtimes/%s/invocations/more" % ARN, "POST", 404),
        (b"/.well-known/oauth-protected-resource/runtimes/%s/ws" % ARN, "GET", 404),
        (b"/runtimes/%s" % ARN, "POST", 404),
        (b"/runtimes/not-an-id/invocations", "POST", 400),
        (b"/runtimes/agent%2F1234%3A1/invocations", "POST", 400),
        (b"/", "POST", 404),
    ],
)
def test_what_is_no_call_of_the_data_plane(path, method, status):
    with pytest.raises(ServiceError) as caught:
        Request.of(scope(path, method=method))
    assert status == caught.value.status


@pytest.mark.parametrize(
    ("path", "kind", "action"),
    [
        (b"invocations", "http", "InvokeAgentRuntimeForUser"),
        (b"ws", "websocket", "InvokeAgentRuntimeWithWebSocketStreamForUser"),
    ],
)
def test_who_speaks_for_a_user_needs_an_action_more(path, kind, action):
    for_ann = ((b"x-amzn-bedrock-agentcore-runtime-user-id", b"ann"),)
    asked = scope(b"/runtimes/%s/%s" % (ARN, path), headers=for_ann) | {"type": kind}
    request = Request.of(asked)
    assert f"bedrock-agentcore:{action}" in request.actions()
    assert request.user_id() == "ann"


@pytest.mark.parametrize(
    ("path", "method", "kind"),
    [
        (b"invocations/.well-known/agent-card.json", "GET", "http"),
        (b"commands", "POST", "http"),
        (b"stopruntimesession", "POST", "http"),
        (b"ws/shells", "GET", "websocket"),
    ],
)
def test_other_operations_are_for_nobody(path, method, kind):
    for_ann = ((b"x-amzn-bedrock-agentcore-runtime-user-id", b"ann"),)
    asked = scope(b"/runtimes/%s/%s" % (ARN, path), method=method, headers=for_ann) | {"type": kind}
    request = Request.of(asked)
    assert (request.user_id(), len(request.actions())) == ("", 1)


@pytest.mark.behaviour("RT-USER-SIGNED")
@pytest.mark.parametrize(
    ("signed", "holds"), [(b"host", False), (b"host%3Bx-amzn-bedrock-agentcore-runtime-user-id", True)]
)
def test_a_presigned_url_speaks_only_for_the_user_that_it_was_signed_for(signed, holds):
    for_ann = ((b"x-amzn-bedrock-agentcore-runtime-user-id", b"ann"),)
    query = b"X-Amz-SignedHeaders=%s&X-Amz-Signature=00" % signed
    asked = scope(b"/runtimes/%s/ws" % ARN, headers=for_ann, query=query) | {"type": "websocket"}
    request = Request.of(asked)
    if holds:
        assert request.user_id() == "ann"
        return
    with pytest.raises(ServiceError) as caught:
        request.actions()
    assert caught.value.status == 403


@given(st.binary(max_size=200), st.binary(max_size=100), st.sampled_from(["GET", "POST", "DELETE"]))
def test_any_path_and_query_is_a_request_or_a_service_error(path, query, method):
    for raw in (path, b"/runtimes/" + path, b"/runtimes/%s/invocations" % ARN):
        try:
            Request.of(scope(raw, method=method, query=query))
        except ServiceError as problem:
            assert problem.status in (400, 404, 405, 426)


@given(st.lists(st.tuples(st.binary(max_size=40), st.binary(max_size=40))), st.text(max_size=30))
def test_headers_of_a_client_never_break_a_line_or_claim_an_identity(headers, name):
    runtime = Runtime.of(
        record("plain", allowlist=["X-Note", "X-JWT-TOKEN", "Authorization", name]), "DEFAULT"
    )
    tempting = [(b"X-JWT-TOKEN", b"x"), (b"Authorization", b"x"), (b"X-Note", b"a\r\nb"), (b"Host", b"x")]
    passed = to_program([*headers, *tempting], allowed(runtime))
    assert not {"x-jwt-token", "authorization", "host", "cookie"} & {key for key, _ in passed}
    assert all(value.isprintable() for _, value in passed)


def test_headers_that_come_back():
    pairs = [("Content-Type", "a/b"), ("MCP-Session-Id", "1"), ("X-Own", "2"), ("Content-Length", "3")]
    assert [b"content-type", b"mcp-session-id", b"content-length"] == [key for key, _ in from_program(pairs)]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"status": "Healthy"}, Health(healthy=True)),
        (
            200,
            {"status": "HealthyBusy", "time_of_last_update": 5},
            Health(healthy=True, busy=True, updated=5),
        ),
        (200, {"status": "Healthy", "time_of_last_update": "now"}, Health(healthy=True)),
        (200, {"status": "Healthy", "time_of_last_update": True}, Health(healthy=True)),
        (200, {"status": "Fine"}, Health(healthy=False)),
        (200, ["Healthy"], Health(healthy=False)),
        (500, {"status": "Healthy"}, Health(healthy=False)),
    ],
)
def test_what_a_ping_says(status, body, expected):
    assert expected == read_ping(status, json.dumps(body).encode())


@given(st.integers(100, 599), st.binary(max_size=100))
def test_any_answer_to_a_ping_can_be_read(status, body):
    assert read_ping(status, body).healthy in (True, False)


def test_programs_see_the_basics_only():
    assert {"PATH": "/bin"} == basics({"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "x", "HOME": "/root"})
