"""One MCP server behind a passthrough target, with the MCP SDK's own client: nothing is aggregated or translated."""

from __future__ import annotations

from typing import Any

import httpx2
import mcp_types
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.kit.gateway_stack import Stack
from tests.kit.mcp_backends import Backend

CHANGE = {"account_id": "12345", "new_email": "new@example.com"}


async def accept(context: Any, params: mcp_types.ElicitRequestParams) -> mcp_types.ElicitResult:
    return mcp_types.ElicitResult(action="accept", content={"confirm": True})


def passthrough(stack: Stack, server: Backend, **members: Any) -> str:
    """The URL of the server behind a gateway; its path follows the target's name."""
    base, _, path = server.url.rpartition("/")
    http = {"passthrough": {"endpoint": base, "protocolType": "MCP"}}
    return f"{stack.http_target(stack.gateway(**members), 'server', http)}/{path}"


@pytest.mark.behaviour("GW-HTTP-MCP")
@pytest.mark.parametrize("mode", ["legacy", "auto", "2026-07-28"])
async def test_the_sdk_client_talks_to_the_server_itself(stack: Stack, backend: Backend, mode: str) -> None:
    backend.emails["12345"] = "user@example.com"
    async with Client(passthrough(stack, backend), mode=mode, elicitation_callback=accept) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert "echo" in names  # without the target's name: the gateway has no part in it
        result = await client.call_tool("echo", {"text": "né"})
        assert result.content[0].text == "né"
        # A question to the user passes in every era, with its answer.
        await client.call_tool("change_email", CHANGE)
    assert backend.emails["12345"] == "new@example.com"


@pytest.mark.behaviour("GW-HTTP-MCP")
async def test_a_session_of_the_server_lives_through_the_gateway(stack: Stack, legacy: Backend) -> None:
    async with Client(passthrough(stack, legacy), mode="legacy") as client:
        for text in ("a", "b"):
            assert (await client.call_tool("echo", {"text": text})).content[0].text == text
    sessions = {seen.headers.get("mcp-session-id") for seen in legacy.named("tools/call")}
    assert len(sessions) == 1
    assert None not in sessions


class Signing(httpx2.Auth):
    """SigV4 over the whole request."""

    requires_request_body = True

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def auth_flow(self, request: httpx2.Request) -> Any:
        names = ("content-type", "accept", "mcp-")
        headers = {name: value for name, value in request.headers.items() if name.startswith(names)}
        signed = self._stack.signed(str(request.url), request.content, headers, method=request.method)
        request.headers.update({name: value for name, value in signed.items() if name not in headers})
        yield request


@pytest.mark.behaviour("GW-HTTP-MCP")
async def test_a_signing_client_is_let_in_for_every_method(stack: Stack, legacy: Backend) -> None:
    url = passthrough(stack, legacy, authorizer="AWS_IAM")
    async with (
        httpx2.AsyncClient(auth=Signing(stack), trust_env=False, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http), mode="legacy") as client,
    ):
        assert (await client.call_tool("echo", {"text": "x"})).content[0].text == "x"
    assert "authorization" not in legacy.named("tools/call")[-1].headers
    methods = {hop.operation for hop in stack.recorder.hops if hop.target == "server"}
    assert {"→ HTTP POST", "→ HTTP DELETE"} <= methods
