"""What never travels on: the caller's token, and what a client claims to be. Backends write down what they get."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.auth.smuggled_headers import HEADERS, TEMPTING, Smuggled, send
from tests.kit import bridge
from tests.kit.clock import FakeClock
from tests.kit.gateway_stack import Stack, gateway_stack
from tests.kit.http_backend import HttpBackend, http_backend
from tests.kit.issuer import FakeIssuer
from tests.kit.mcp_backends import Backend, fastmcp_backend
from tests.kit.rest_api import RestApi, openapi, rest_api
from tests.kit.runtime_plane import record, runtime_plane
from tests.kit.served_issuer import served_issuer

ALLOWED = {"allowedRequestHeaders": TEMPTING}
PATHS = {"/notes": {"get": {"operationId": "notes", "responses": {"200": {"description": "ok"}}}}}


def rpc(tool: str, **arguments: Any) -> bytes:
    params = {"name": tool, "arguments": arguments}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()


class Roads:
    """A gateway for tokens with an MCP target, an OpenAPI target and an HTTP target."""

    def __init__(
        self, stack: Stack, issuer: FakeIssuer, mcp: Backend, rest: RestApi, http: HttpBackend
    ) -> None:
        self.issuer, self.mcp, self.rest, self.http = issuer, mcp, rest, http
        jwt = {"discoveryUrl": issuer.discovery_url, "allowedAudience": ["accounts"]}
        gateway = stack.gateway(authorizer="CUSTOM_JWT", jwt=jwt)
        more = {"metadataConfiguration": ALLOWED}
        stack.target(gateway, "mcp", {"mcpServer": {"endpoint": mcp.url}}, **more)
        stack.target(gateway, "rest", {"openApiSchema": {"inlinePayload": openapi(rest.url, PATHS)}}, **more)
        passing = {"passthrough": {"endpoint": http.url, "protocolType": "CUSTOM"}}
        self.http_url = stack.http_target(gateway, "http", passing, **more)
        self.url = stack.url(gateway)
        self.calls = [
            (self.url, rpc("mcp___echo", text="x")),
            (self.url, rpc("rest___notes")),
            (self.http_url, b"{}"),
        ]

    def forget(self) -> None:
        for seen in (self.mcp.seen, self.rest.seen, self.http.seen):
            seen.clear()

    def received(self) -> str:
        """Everything that any of the backends got."""
        return repr([*self.mcp.seen, *self.rest.seen, *self.http.seen])

    def counts(self) -> tuple[int, int, int]:
        return len(self.mcp.named("tools/call")), len(self.rest.seen), len(self.http.seen)


@pytest.fixture(scope="module")
def roads() -> Iterator[Roads]:
    with (
        gateway_stack() as stack,
        served_issuer() as issuer,
        fastmcp_backend() as mcp,
        rest_api() as rest,
        http_backend() as http,
    ):
        yield Roads(stack, issuer, mcp, rest, http)


@pytest.fixture(autouse=True)
def forgotten(roads: Roads) -> None:
    roads.forget()


@pytest.mark.behaviour("GRD-NO-PASSTHROUGH")
def test_no_target_of_a_gateway_gets_the_callers_token(roads: Roads) -> None:
    token = roads.issuer.mint()
    for url, body in roads.calls:
        status, answer = send(url, (), token=token, body=body)
        assert status == 200, answer
    assert roads.counts() == (1, 1, 1)
    received = roads.received()
    assert not [part for part in (token, *token.split(".")) if part in received]
    assert "authorization" not in received.lower()


@pytest.mark.behaviour("GRD-SMUGGLING")
@pytest.mark.parametrize("smuggled", HEADERS, ids=lambda item: item.name)
def test_no_spelling_gets_a_header_past_the_gateway(roads: Roads, smuggled: Smuggled) -> None:
    token = roads.issuer.mint()
    for url, body in roads.calls:
        status, _ = send(url, smuggled.lines, token=token, body=body)
        if smuggled.refused:
            assert status == 400
    assert "LEAK" not in roads.received()
    if smuggled.refused:
        assert roads.counts() == (0, 0, 0)
    roads.forget()
    for url, body in roads.calls:
        assert send(url, (b"X-Note: good",), token=token, body=body)[0] == 200
    assert roads.counts() == (1, 1, 1)
    assert roads.received().count("good") == 3, "what may pass still does"


@pytest.mark.behaviour("GRD-SMUGGLING")
@pytest.mark.behaviour("GRD-NO-PASSTHROUGH")
async def test_nor_past_a_runtime_to_its_program(tmp_path: Path) -> None:
    issuer = FakeIssuer(FakeClock())
    async with runtime_plane(tmp_path / "state", clock=issuer.clock, fetch_key=issuer.fetch) as running:
        rules = {"discoveryUrl": issuer.discovery_url, "allowedAudience": ["accounts"]}
        listed = [name for name in TEMPTING if name != "Authorization"]
        running.resources.put(record("plain", name="guarded", jwt=rules, allowlist=listed))
        url, token, body = running.url_of("guarded"), issuer.mint(), b'{"do": "headers"}'
        session = b"X-Amzn-Bedrock-AgentCore-Runtime-Session-Id: " + b"s" * 40
        for smuggled in HEADERS:
            status, answer = await asyncio.to_thread(
                send, url, smuggled.lines, token=token, body=body, kind=session
            )
            assert b"LEAK" not in answer, smuggled.name
            assert token.encode() not in answer
            assert not smuggled.refused or status == 400, smuggled.name
        status, answer = await asyncio.to_thread(
            send, url, (b"X-Note: good",), token=token, body=body, kind=session
        )
        assert (status, b"good" in answer, b"authorization" in answer.lower()) == (200, True, False)


@pytest.mark.behaviour("GRD-SMUGGLING")
async def test_nor_past_the_bridge_to_its_program(tmp_path: Path) -> None:
    log = tmp_path / "got.jsonl"
    command = bridge.program("noting", str(log))
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}).encode()
    async with bridge.bridge(command=command) as running:
        for smuggled in HEADERS:
            await asyncio.to_thread(send, running.urls[0], smuggled.lines, token="LEAK", body=body)
    got = log.read_text(encoding="utf-8")
    assert '"initialize"' in got
    assert "LEAK" not in got
