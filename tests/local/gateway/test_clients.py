"""The clients that people use: the MCP SDK's and FastMCP's, in each of their modes."""

from __future__ import annotations

from typing import Any

import fastmcp
import httpx2
import mcp_types
import pytest
from fastmcp.client.transports import StreamableHttpTransport
from mcp.client import Client

from tests.kit.gateway_stack import Stack
from tests.kit.mcp_backends import Backend

MODES = ["legacy", "auto", "2026-07-28"]
CHANGE = {"account_id": "12345", "new_email": "new@example.com"}


def gateway(stack: Stack, backend: Backend, legacy: Backend, **members: Any) -> str:
    gateway_id = stack.gateway(**members)
    stack.target(gateway_id, "new", {"mcpServer": {"endpoint": backend.url}})
    stack.target(gateway_id, "old", {"mcpServer": {"endpoint": legacy.url}})
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    stack.functions.functions["fn"] = lambda event, custom: {"hello": event["name"]}
    stack.lambda_target(gateway_id, "fn", [{"name": "hello", "description": "d", "inputSchema": schema}])
    return stack.url(gateway_id)


async def accept(context: Any, params: mcp_types.ElicitRequestParams) -> mcp_types.ElicitResult:
    return mcp_types.ElicitResult(action="accept", content={"confirm": True})


async def decline(context: Any, params: mcp_types.ElicitRequestParams) -> mcp_types.ElicitResult:
    return mcp_types.ElicitResult(action="decline")


@pytest.mark.behaviour("GW-CLIENT-SDK")
@pytest.mark.parametrize("mode", MODES)
async def test_the_sdk_client_lists_and_calls(
    stack: Stack, backend: Backend, legacy: Backend, mode: str
) -> None:
    async with Client(gateway(stack, backend, legacy), mode=mode) as client:
        listed = await client.list_tools()
        names = [tool.name for tool in listed.tools]
        assert names[0] == "new___echo"
        assert names[-1] == "fn___hello"
        for target in ("new", "old"):
            result = await client.call_tool(f"{target}___echo", {"text": "né"})
            assert result.content[0].text == "né"
        result = await client.call_tool("fn___hello", {"name": "Bo"})
        assert result.content[0].text == '{"hello": "Bo"}'
        prompt = await client.get_prompt("old___greet", {"name": "Bo"})
        assert prompt.messages[0].content.text == "Greet Bo."
        read = await client.read_resource("note://by/me")
        assert read.contents[0].text == "note me"


@pytest.mark.behaviour("GW-CLIENT-FASTMCP")
@pytest.mark.parametrize("mode", MODES)
async def test_the_fastmcp_client_lists_and_calls(
    stack: Stack, backend: Backend, legacy: Backend, mode: str
) -> None:
    async with fastmcp.Client(gateway(stack, backend, legacy), mode=mode) as client:
        assert "fn___hello" in [tool.name for tool in await client.list_tools()]
        for target in ("new", "old"):
            result = await client.call_tool(f"{target}___echo", {"text": "x"})
            assert result.data == "x"
        failed = await client.call_tool("fn___hello", {"nme": "Bo"}, raise_on_error=False)
        assert failed.is_error
        assert "Missing required field(s): 'name'" in failed.content[0].text


@pytest.mark.parametrize(("answer", "changed"), [(accept, True), (decline, False)])
@pytest.mark.parametrize("kind", ["sdk", "fastmcp"])
async def test_a_modern_client_answers_a_question_through_the_gateway(
    stack: Stack, backend: Backend, legacy: Backend, kind: str, answer: Any, changed: bool
) -> None:
    backend.emails["12345"] = "user@example.com"
    url = gateway(stack, backend, legacy)
    if kind == "sdk":
        async with Client(url, mode="auto", elicitation_callback=answer) as client:
            result = await client.call_tool("new___change_email", CHANGE)
    else:

        async def handler(message: str, kind: Any, params: Any, context: Any) -> Any:
            return await answer(context, params)

        async with fastmcp.Client(url, mode="auto", elicitation_handler=handler) as client:
            result = await client.call_tool("new___change_email", CHANGE)
    text = result.content[0].text
    assert ("changed to" in text, "not changed" in text) == (changed, not changed)
    assert backend.emails["12345"] == ("new@example.com" if changed else "user@example.com")


@pytest.mark.parametrize("kind", ["sdk", "fastmcp"])
async def test_a_client_of_the_handshake_era_gets_an_error_at_once(
    stack: Stack, backend: Backend, legacy: Backend, kind: str
) -> None:
    backend.emails["12345"] = "user@example.com"
    url = gateway(stack, backend, legacy)
    if kind == "sdk":
        async with Client(url, mode="legacy", elicitation_callback=accept) as client:
            result: Any = await client.call_tool("new___change_email", CHANGE)
            assert result.is_error
    else:
        async with fastmcp.Client(url, mode="legacy") as client:
            result = await client.call_tool("new___change_email", CHANGE, raise_on_error=False)
            assert result.is_error
    assert "2026-07-28" in result.content[0].text
    assert backend.emails["12345"] == "user@example.com"


class Signing(httpx2.Auth):
    """SigV4 as an httpx2.Auth, the way the README of a client would show it."""

    requires_request_body = True

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def auth_flow(self, request: httpx2.Request) -> Any:
        headers = {
            name: value for name, value in request.headers.items() if name.startswith(("content-", "mcp-"))
        }
        signed = self._stack.signed(str(request.url), request.content, headers)
        request.headers.update({name: value for name, value in signed.items() if name not in headers})
        yield request


@pytest.mark.parametrize("mode", MODES)
async def test_a_signing_client_passes_an_iam_gateway(
    stack: Stack, backend: Backend, legacy: Backend, mode: str
) -> None:
    url = gateway(stack, backend, legacy, authorizer="AWS_IAM")
    transport = StreamableHttpTransport(url, auth=Signing(stack))
    async with fastmcp.Client(transport, mode=mode) as client:
        result = await client.call_tool("new___echo", {"text": "signed"})
    assert result.data == "signed"
    assert stack.recorder.inbound(url, "tools/call").identity == "arn:aws:iam::123456789012:user/skerry"
