"""Single requests: what is expected, what came back, and what is said of it."""

from __future__ import annotations

import json

import httpx2
import pytest

from skerry.client import requests
from skerry.client.requests import Answered, Request
from skerry.client.target import Bearer, Target
from tests.kit.asgi_thread import serve

CALL = {"method": "tools/call", "params": {"name": "validate_content", "arguments": {}}}
TOOLS = {"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "validate_content"}]}}


class Peer:
    """A server that gives one answer and keeps the headers and body of what it was asked."""

    def __init__(self, status, body, kind="application/json"):
        self.status, self.body, self.kind = status, body, kind
        self.asked = []

    async def __call__(self, scope, receive, send):
        message = await receive()
        self.asked.append((dict(scope["headers"]), message["body"]))
        head = [(b"content-type", self.kind.encode())]
        await send({"type": "http.response.start", "status": self.status, "headers": head})
        await send({"type": "http.response.body", "body": self.body})


async def ask(peer, request=None):
    request = request or Request(name="list", rpc=requests.LIST, proof="no proof")
    with serve(peer, lifespan="off") as url:
        target = Target(url, "none", "us-east-1", {"X-Own": "1"}, None, None)
        return await requests.send(target, request, timeout=30)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_is_read_from_json_and_from_a_stream(stream):
    body = json.dumps(TOOLS).encode()
    peer = (
        Peer(200, b"event: message\ndata: " + body + b"\n\n", "text/event-stream")
        if stream
        else Peer(200, body)
    )
    answered = await ask(peer)
    assert answered.as_expected
    assert answered.saw() == "tools/list, no proof → 200 1 tool: validate_content"
    headers, sent = peer.asked[0]
    assert (headers[b"accept"], headers[b"x-own"]) == (requests.BOTH.encode(), b"1")
    assert json.loads(sent) == {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


async def test_a_proof_is_sent_and_never_shown():
    peer = Peer(200, json.dumps(TOOLS).encode())
    request = Request(name="list", rpc=requests.LIST, proof="a token", auth=Bearer("very-secret"))
    answered = await ask(peer, request)
    assert peer.asked[0][0][b"authorization"] == b"Bearer very-secret"
    assert "very-secret" not in str(answered) + json.dumps(answered.record())


@pytest.mark.behaviour("SMOKE-GUARDRAILS")
@pytest.mark.parametrize(
    ("status", "text", "why"),
    [
        (406, "anything", "both of them"),
        (403, "Authorization method mismatch. The agent …", "one kind of proof only"),
        (401, "Missing Authentication Token", "wants a bearer token"),
        (403, "Missing Authentication Token", "wants an AWS signature"),
        (401, "Claim 'client_id' value mismatch with configuration.", "an ID token has none"),
        (
            403,
            "OAuth authorization failed: Claim 'client_id' value mismatch with configuration.",
            "an ID token has none",
        ),
        (401, "Claim 'aud' value mismatch with configuration.", "access tokens of Cognito have none"),
        (403, "OAuth authorization failed: Failed to parse token", "it is no JWT"),
        (401, "Token has expired", "Get a new token"),
        (403, "Authorization denied", "A scope or a claim"),
        (403, "The request signature we calculated does not match", "Check key, region and clock"),
        (500, "anything", ""),
    ],
)
async def test_a_refusal_is_explained(status, text, why):
    refused = Request(name="x", rpc=CALL, proof="p", statuses=(status,))
    answered = await ask(Peer(status, json.dumps({"message": text}).encode()), refused)
    assert answered.as_expected
    assert why in answered.why if why else answered.why == ""
    record = answered.record()
    assert (record["status"], record["outcome"], record["expected"]) == (status, "refused", "refused")
    assert record["request"] == "tools/call validate_content"


def answered(request, status, result, text=""):
    return Answered(request, status, result, text, 0.0)


def test_what_was_not_expected_is_a_problem():
    let_in = Request(name="list", rpc=requests.LIST, proof="p")
    refused = Request(name="list", rpc=requests.LIST, proof="p", statuses=(401, 403))
    for request, status, result in (
        (let_in, 403, None),
        (let_in, 200, None),
        (refused, 200, {}),
        (refused, 500, None),
    ):
        found = answered(request, status, result, "no")
        assert not found.as_expected
        assert "was expected." in found.problem().message
    assert answered(refused, 403, None).as_expected


def test_an_error_of_the_tool_is_told_as_one():
    result = {"isError": True, "content": [{"type": "text", "text": "too long"}]}
    assert (
        answered(Request(name="c", rpc=CALL, proof="p"), 200, result)
        .saw()
        .endswith("200 an error of the tool: too long")
    )


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b"<html>no\x1b[2J</html>", "text/html", "<html>no"),
        (b"[]", "application/json", "[]"),
        (b"data: {\n\n", "text/event-stream", "data: {"),
        (
            b'{"jsonrpc": "2.0", "error": {"code": -1, "message": "no such tool"}}',
            "application/json",
            "no such tool",
        ),
    ],
)
async def test_whatever_comes_back_is_one_line_without_control_characters(body, kind, said):
    found = await ask(Peer(200, body, kind))
    assert not found.as_expected
    assert found.text.startswith(said)
    assert found.text.isprintable()


async def test_without_a_proof_there_are_three_requests():
    target = Target("http://127.0.0.1:1", "none", "us-east-1", {}, None, None)
    assert [request.name for request in await requests.planned(target, CALL)] == ["list", "call", "accept"]


async def test_a_token_of_ones_own_is_tried_without_other_peoples():
    target = Target("http://127.0.0.1:1", "bearer", "us-east-1", {}, None, None, token=requests.STRANGER)
    planned = await requests.planned(target, CALL)
    assert [request.name for request in planned] == ["list", "call", "no proof", "accept", "forged token"]
    assert planned[0].proof == "bearer token (no aud)"


def test_a_forged_token_differs_in_its_signature_alone():
    for token in ("a.b.AB", "a.b.BB"):
        forged = requests._forged(token)
        assert forged != token
        assert forged.rpartition(".")[0] == "a.b"


def test_what_is_no_token_is_described_as_that():
    assert requests.described("opaque") == "bearer token (no JWT)"


async def test_a_bearer_proof_leaves_other_headers_alone():
    flow = Bearer("t").auth_flow(httpx2.Request("GET", "http://x", headers={"A": "1"}))
    sent = next(flow)
    assert (sent.headers["a"], sent.headers["authorization"]) == ("1", "Bearer t")
