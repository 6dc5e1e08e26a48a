"""The gateway's own door in both eras of MCP: versions, headers, envelopes, lists."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from skerry.local.gateway.assumptions import Assumptions
from tests.kit.gateway_stack import LEGACY, MODERN, Stack, gateway_stack, post
from tests.kit.mcp_backends import Backend

META = "io.modelcontextprotocol/"


def raw(url: str, body: Any, **headers: str) -> httpx2.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.post(url, content=content, headers=sent, trust_env=False)


class TestHandshake:
    @pytest.mark.behaviour("GW-INIT")
    @pytest.mark.parametrize(
        ("asked", "given"),
        [("2025-03-26", "2025-03-26"), (LEGACY, LEGACY), ("1999-01-01", LEGACY), (MODERN, LEGACY)],
    )
    def test_initialize_is_answered_with_a_revision_that_is_served(
        self, stack: Stack, asked: str, given: str
    ) -> None:
        instructions = {"protocolConfiguration": {"mcp": {"instructions": "Be kind."}}}
        gateway = stack.gateway(**instructions)
        params = {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        answer = raw(stack.url(gateway), message)
        assert answer.json()["result"] == {
            "protocolVersion": given,
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": {"name": "agentcore-gateway", "version": "1.0.0"},
            "instructions": "Be kind.",
        }
        assert "mcp-session-id" not in answer.headers

    @pytest.mark.behaviour("GW-STATELESS")
    def test_calls_without_initialize_work(self, stack: Stack, backend: Backend) -> None:
        gateway = stack.gateway()
        stack.target(gateway, "echo", {"mcpServer": {"endpoint": backend.url}})
        message = {
            "jsonrpc": "2.0",
            "id": "a",
            "method": "tools/call",
            "params": {"name": "echo___echo", "arguments": {"text": "hi"}},
        }
        assert raw(stack.url(gateway), message).json()["result"]["content"][0]["text"] == "hi"

    def test_a_notification_is_accepted_without_a_body(self, stack: Stack) -> None:
        answer = raw(stack.url(stack.gateway()), {"jsonrpc": "2.0", "method": "notifications/initialized"})
        assert (answer.status_code, answer.content) == (202, b"")

    @pytest.mark.behaviour("GW-RESPONSE")
    def test_a_response_to_nothing_is_refused(self, stack: Stack) -> None:
        answer = raw(stack.url(stack.gateway()), {"jsonrpc": "2.0", "id": 1, "result": {}})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32600)

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[{}]", b'{"jsonrpc":"1.0"}', b"\xff"])
    def test_what_is_no_message_is_400(self, stack: Stack, body: bytes) -> None:
        answer = raw(stack.url(stack.gateway()), body)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] in (-32700, -32600)

    def test_a_number_that_cannot_be_written_again_is_invalid_params(
        self, stack: Stack, backend: Backend
    ) -> None:
        gateway = stack.gateway()
        stack.target(gateway, "echo", {"mcpServer": {"endpoint": backend.url}})
        body = (
            b'{"jsonrpc":"2.0","id":1,"method":"tools/call",'
            b'"params":{"name":"echo___echo","arguments":{"text":1e999}}}'
        )
        answer = raw(stack.url(gateway), body)
        assert answer.json()["error"]["code"] == -32602
        assert backend.named("tools/call") == []

    @pytest.mark.behaviour("GW-ID")
    @pytest.mark.parametrize("identifier", ["12345678901234567890123", '"\\u00e9"', '"a b"', "0"])
    def test_the_id_comes_back_byte_for_byte(self, stack: Stack, identifier: str) -> None:
        body = f'{{"jsonrpc":"2.0","id":{identifier},"method":"ping"}}'.encode()
        answer = raw(stack.url(stack.gateway()), body)
        assert f'"id":{identifier},' in answer.text

    @pytest.mark.behaviour("GW-METHOD")
    @pytest.mark.parametrize(("modern", "status"), [(False, 200), (True, 404)])
    def test_an_unknown_method_is_404_only_in_the_modern_era(
        self, stack: Stack, modern: bool, status: int
    ) -> None:
        answer = post(stack.url(stack.gateway()), "tools/nothing", modern=modern)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, -32601)

    @pytest.mark.behaviour("GW-PING")
    def test_ping_is_of_the_handshake_era_only(self, stack: Stack) -> None:
        url = stack.url(stack.gateway())
        assert post(url, "ping").json()["result"] == {}
        assert post(url, "ping", modern=True).status_code == 404


class TestVersions:
    @pytest.mark.behaviour("GW-VERSIONS")
    @pytest.mark.parametrize("modern", [False, True])
    def test_a_revision_that_is_not_served_is_400_and_names_those_that_are(
        self, stack: Stack, modern: bool
    ) -> None:
        served = "2025-06-18" if modern else MODERN
        gateway = stack.gateway(protocolConfiguration={"mcp": {"supportedVersions": [served]}})
        answer = post(stack.url(gateway), "tools/list", modern=modern)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == -32022
        assert answer.json()["error"]["data"]["supported"] == [served]

    def test_initialize_at_a_modern_gateway_names_its_revisions(self, stack: Stack) -> None:
        gateway = stack.gateway(protocolConfiguration={"mcp": {"supportedVersions": [MODERN]}})
        message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": LEGACY}}
        error = raw(stack.url(gateway), message).json()["error"]
        assert (error["code"], error["data"]) == (-32022, {"supported": [MODERN], "requested": LEGACY})

    def test_an_unknown_revision_in_the_header_is_400(self, stack: Stack) -> None:
        message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        answer = raw(stack.url(stack.gateway()), message, mcp_protocol_version="2099-01-01")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32022)


class TestModern:
    @pytest.mark.behaviour("GW-DISCOVER")
    def test_discover_tells_versions_and_capabilities(self, stack: Stack) -> None:
        result = post(stack.url(stack.gateway()), "server/discover", modern=True).json()["result"]
        assert result == {
            "supportedVersions": ["2025-03-26", "2025-06-18", LEGACY, MODERN],
            "capabilities": {"tools": {}},
            "resultType": "complete",
            "ttlMs": 0,
            "cacheScope": "private",
            "_meta": {META + "serverInfo": {"name": "agentcore-gateway", "version": "1.0.0"}},
        }

    @pytest.mark.behaviour("GW-HEADERS")
    @pytest.mark.parametrize(
        "headers",
        [
            {"mcp-method": "tools/list"},
            {"mcp-method": ""},
            {"mcp-name": "echo___fail"},
            {"mcp-name": ""},
            {"mcp-protocol-version": LEGACY},
            {"mcp-protocol-version": ""},
            {"mcp-name": "=?base64?ZWNobw==?="},
        ],
    )
    def test_a_header_that_does_not_say_what_the_body_says_is_400(
        self, stack: Stack, backend: Backend, headers: dict[str, str]
    ) -> None:
        gateway = stack.gateway()
        stack.target(gateway, "echo", {"mcpServer": {"endpoint": backend.url}})
        params = {"name": "echo___echo", "arguments": {"text": "x"}}
        answer = post(stack.url(gateway), "tools/call", params, modern=True, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32020)
        assert backend.named("tools/call") == []

    def test_a_marked_name_is_decoded_before_it_is_compared(self, stack: Stack, backend: Backend) -> None:
        gateway = stack.gateway()
        stack.target(gateway, "echo", {"mcpServer": {"endpoint": backend.url}})
        params = {"name": "echo___echo", "arguments": {"text": "x"}}
        marked = {"mcp-name": "=?base64?ZWNob19fX2VjaG8=?="}
        answer = post(stack.url(gateway), "tools/call", params, modern=True, headers=marked)
        assert answer.status_code == 200

    def test_a_doubled_routing_header_is_400(self, stack: Stack) -> None:
        meta = {META + "protocolVersion": MODERN, META + "clientCapabilities": {}}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
        headers = [
            ("mcp-protocol-version", MODERN),
            ("mcp-method", "tools/list"),
            ("mcp-method", "tools/list"),
        ]
        answer = httpx2.post(stack.url(stack.gateway()), json=body, headers=headers, trust_env=False)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32020)

    def test_missing_metadata_is_400_with_invalid_params(self, stack: Stack) -> None:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        answer = raw(stack.url(stack.gateway()), body, mcp_protocol_version=MODERN, mcp_method="tools/list")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32602)

    @pytest.mark.behaviour("GW-LIST-MODERN")
    def test_lists_say_how_long_they_may_be_kept_and_for_whom(self, stack: Stack) -> None:
        for method in ("tools/list", "prompts/list", "resources/list", "resources/templates/list"):
            result = post(stack.url(stack.gateway()), method, modern=True).json()["result"]
            assert (result["ttlMs"], result["cacheScope"], result["resultType"]) == (0, "private", "complete")
            assert "ttlMs" not in post(stack.url(stack.gateway()), method).json()["result"]


class TestLists:
    @pytest.mark.behaviour("GW-UNKNOWN-TOOL")
    @pytest.mark.parametrize("modern", [False, True])
    @pytest.mark.parametrize("name", ["echo___nothing", "nobody___echo", "echo", "___echo"])
    def test_an_unknown_tool_is_invalid_params_in_a_200(
        self, stack: Stack, backend: Backend, name: str, modern: bool
    ) -> None:
        gateway = stack.gateway()
        stack.target(gateway, "echo", {"mcpServer": {"endpoint": backend.url}})
        answer = post(stack.url(gateway), "tools/call", {"name": name}, modern=modern)
        assert answer.status_code == 200
        assert answer.json()["error"] == {"code": -32602, "message": f"Unknown tool: {name}"}
        assert backend.named("tools/call") == []

    @pytest.mark.parametrize("params", [{}, {"name": 5}, {"name": ""}])
    def test_a_call_without_a_name_is_invalid_params(self, stack: Stack, params: dict[str, Any]) -> None:
        answer = post(stack.url(stack.gateway()), "tools/call", params)
        assert answer.json()["error"]["code"] == -32602

    def many(self, stack: Stack, **members: Any) -> str:
        gateway = stack.gateway(**members)
        for target in ("b", "a"):
            tools = [
                {"name": f"t{n:03d}", "description": "", "inputSchema": {"type": "object"}}
                for n in range(130)
            ]
            stack.lambda_target(gateway, target, tools)
        return gateway

    @pytest.mark.behaviour("GW-ORDER")
    def test_pages_of_a_hundred_in_the_order_of_targets_and_tools(self, stack: Stack) -> None:
        url = stack.url(self.many(stack))
        names: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            result = post(url, "tools/list", cursor).json()["result"]
            assert len(result["tools"]) <= 100
            names += [tool["name"] for tool in result["tools"]]
            if "nextCursor" not in result:
                break
            cursor = {"cursor": result["nextCursor"]}
        assert names == [f"{target}___t{n:03d}" for target in ("b", "a") for n in range(130)]

    @pytest.mark.behaviour("GW-NOPAGE")
    def test_without_pagination_everything_is_on_one_page(self, stack: Stack) -> None:
        gateway = self.many(stack, protocolConfiguration={"mcp": {"disableMcpListToolsPagination": True}})
        result = post(stack.url(gateway), "tools/list").json()["result"]
        assert (len(result["tools"]), "nextCursor" in result) == (260, False)

    def test_a_foreign_cursor_is_invalid_params(self, stack: Stack) -> None:
        answer = post(stack.url(stack.gateway()), "tools/list", {"cursor": "what"})
        assert answer.json()["error"]["code"] == -32602


def test_an_assumption_can_be_switched() -> None:
    with gateway_stack(assumptions=Assumptions(unknown_tool="No tool {name}", server_name="desk")) as stack:
        url = stack.url(stack.gateway())
        assert post(url, "tools/call", {"name": "x"}).json()["error"]["message"] == "No tool x"
        message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}
        assert raw(url, message).json()["result"]["serverInfo"]["name"] == "desk"
