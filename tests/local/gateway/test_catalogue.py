"""Listings: cached, refreshed, dynamic, static, and a broken target that hides no other."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import httpx2
import pytest

from tests.kit.asgi_thread import serve
from tests.kit.clock import FakeClock
from tests.kit.gateway_stack import Stack, gateway_stack, post
from tests.kit.mcp_backends import Backend, answer
from tests.local.gateway.test_sessions import listening, opened, sessions, within

MODERN = "2026-07-28"


class Growing:
    """A modern MCP server by hand, whose list of tools a test changes; `broken` makes it answer 500.

    `gate` holds lists back, `waiting` tells that one was asked for, `twice` that a second one was.
    """

    def __init__(self) -> None:
        self.tools = ["one"]
        self.lists = 0
        self.called: list[str] = []
        self.schema: dict[str, Any] = {"type": "object"}
        self.headers: list[dict[str, str]] = []
        self.broken = False
        self.gate, self.waiting, self.twice = threading.Event(), threading.Event(), threading.Event()
        self.gate.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if self.broken:
            await answer(send, 500, b"")
            return
        content = json.loads(body)
        self.headers.append({k.decode(): v.decode("latin-1") for k, v in scope["headers"]})
        result: dict[str, Any] = {"resultType": "complete"}
        if content["method"] == "server/discover":
            result |= {"supportedVersions": [MODERN], "capabilities": {"tools": {}}}
        elif content["method"] == "tools/list":
            self.lists += 1
            self.waiting.set()
            await asyncio.to_thread(self.gate.wait, 20)
            if self.broken:
                await answer(send, 500, b"")
                return
            if self.lists == 2:
                self.twice.set()
            at = int(content["params"].get("cursor", 0))
            tools = [{"name": name, "inputSchema": self.schema} for name in self.tools[at : at + 2]]
            result |= {"tools": tools}
            if at + 2 < len(self.tools):
                result["nextCursor"] = str(at + 2)
        else:
            self.called.append(content["params"]["name"])
            result |= {"content": []}
        reply = {"jsonrpc": "2.0", "id": content["id"], "result": result}
        await answer(send, 200, json.dumps(reply).encode())


def names(stack: Stack, gateway: str) -> list[str]:
    listed = post(stack.url(gateway), "tools/list").json()["result"]["tools"]
    return [tool["name"] for tool in listed]


@pytest.mark.behaviour("GW-CATALOGUE")
def test_a_listing_is_fetched_once_over_all_pages_and_then_served_from_memory(stack: Stack) -> None:
    server = Growing()
    server.tools = ["a", "b", "c", "d", "e"]
    with serve(server, lifespan="off") as url:
        gateway = stack.gateway()
        stack.target(gateway, "t", {"mcpServer": {"endpoint": f"{url}/mcp"}})
        for _ in range(3):
            assert names(stack, gateway) == ["t___a", "t___b", "t___c", "t___d", "t___e"]
        assert server.lists == 3


@pytest.mark.behaviour("GW-SYNC")
def test_a_synchronised_target_is_listed_anew_and_a_new_tool_is_not_called_before() -> None:
    server = Growing()
    with gateway_stack() as stack, serve(server, lifespan="off") as url:
        gateway = stack.gateway()
        record = stack.target(gateway, "t", {"mcpServer": {"endpoint": f"{url}/mcp"}}, tell=True)
        stack.recorder.wait_for("→ MCP tools/list")
        server.tools = ["one", "two"]
        assert names(stack, gateway) == ["t___one"]
        assert "error" in post(stack.url(gateway), "tools/call", {"name": "t___two"}).json()
        assert server.called == []
        before = len(stack.recorder.named("→ MCP tools/list"))
        stack.told("updated", record)
        stack.recorder.wait_for("→ MCP tools/list", before + 1)
        post(stack.url(gateway), "tools/call", {"name": "t___one"})
        assert names(stack, gateway) == ["t___one", "t___two"]
        assert "result" in post(stack.url(gateway), "tools/call", {"name": "t___two"}).json()


def test_a_changed_configuration_replaces_the_target_and_a_deleted_one_is_gone(stack: Stack) -> None:
    one, two = Growing(), Growing()
    two.tools = ["other"]
    with serve(one, lifespan="off") as first, serve(two, lifespan="off") as second:
        gateway = stack.gateway()
        record = stack.target(gateway, "t", {"mcpServer": {"endpoint": f"{first}/mcp"}})
        assert names(stack, gateway) == ["t___one"]
        changed = {**record, "targetConfiguration": {"mcp": {"mcpServer": {"endpoint": f"{second}/mcp"}}}}
        stack.resources.target_records[gateway] = [changed]
        stack.told("updated", changed)
        assert names(stack, gateway) == ["t___other"]
        stack.resources.target_records[gateway] = []
        stack.told("deleted", changed)
        assert names(stack, gateway) == []


@pytest.mark.behaviour("GW-BROKEN")
def test_a_broken_target_hides_no_other_and_its_tools_say_why(backend: Backend) -> None:
    with gateway_stack(retry=0.0) as stack:
        gateway = stack.gateway()
        server = Growing()
        server.broken = True
        with serve(server, lifespan="off") as url:
            stack.target(gateway, "down", {"mcpServer": {"endpoint": f"{url}/mcp"}})
            stack.target(gateway, "odd", {"connector": {"source": {"connectorId": "kb"}}})
            stack.target(gateway, "echo", {"mcpServer": {"endpoint": backend.url}})
            assert {name.split("___")[0] for name in names(stack, gateway)} == {"echo"}
            result = post(stack.url(gateway), "tools/call", {"name": "down___one"}).json()["result"]
            assert result["isError"] is True
            assert "The target 'down' is not available: The target answered HTTP 500" in str(result)
            odd = post(stack.url(gateway), "tools/call", {"name": "odd___one"}).json()["result"]
            assert "connector" in odd["content"][0]["text"]
            server.broken = False  # it is asked again, and serves
            assert "down___one" in names(stack, gateway)
        failed = [hop for hop in stack.recorder.hops if hop.target == "down" and hop.status == 500]
        assert failed


@pytest.mark.behaviour("GW-SLOW")
def test_a_target_that_failed_slowly_keeps_no_list_waiting_and_is_announced_when_it_works(
    backend: Backend,
) -> None:
    clock, server = FakeClock(), Growing()
    server.gate.clear()
    with (
        gateway_stack(clock=clock, patience=600.0, listing=6000.0, retry=1.0) as stack,
        serve(server, lifespan="off") as url,
    ):
        gateway = stack.gateway(**sessions(streams=True))
        stack.target(gateway, "echo", {"mcpServer": {"endpoint": backend.url}})
        stack.target(gateway, "slow", {"mcpServer": {"endpoint": f"{url}/mcp"}}, tell=True)
        assert server.waiting.wait(20)
        clock.advance(700)
        server.broken = True
        server.gate.set()
        stack.recorder.wait_for("→ MCP tools/list")
        server.broken = False
        server.gate.clear()
        server.waiting.clear()
        clock.advance(700)
        session = opened(stack.url(gateway))

        def listed() -> set[str]:
            tools = within(stack.url(gateway), session).json()["result"]["tools"]
            return {tool["name"].partition("___")[0] for tool in tools}

        assert listed() == {"echo"}  # the gate is still closed
        while not server.waiting.wait(0.2):  # it is asked meanwhile; its failure is noted after its hop
            clock.advance(700)
            assert listed() == {"echo"}
        with listening(stack.url(gateway), session) as messages:
            server.gate.set()
            assert next(messages)["method"] == "notifications/tools/list_changed"
        assert listed() == {"echo", "slow"}


def test_a_target_that_just_failed_is_not_asked_by_every_request() -> None:
    server = Growing()
    server.broken = True
    with gateway_stack(retry=600.0) as stack, serve(server, lifespan="off") as url:
        gateway = stack.gateway()
        stack.target(gateway, "down", {"mcpServer": {"endpoint": f"{url}/mcp"}})
        for _ in range(3):
            assert names(stack, gateway) == []
        assert len([hop for hop in stack.recorder.hops if hop.target == "down"]) == 1


@pytest.mark.behaviour("GW-DYNAMIC")
@pytest.mark.parametrize("header", [5, "Bad\r\nName", ""])
def test_a_dynamic_tool_that_cannot_be_listed_cannot_be_called(stack: Stack, header: Any) -> None:
    server = Growing()
    server.schema = {"type": "object", "properties": {"a": {"type": "string", "x-mcp-header": header}}}
    server.tools = ["one", "n" * 300]
    with serve(server, lifespan="off") as url:
        gateway = stack.gateway()
        stack.target(gateway, "t", {"mcpServer": {"endpoint": f"{url}/mcp", "listingMode": "DYNAMIC"}})
        assert names(stack, gateway) == []
        for name in server.tools:
            called = {"name": f"t___{name}", "arguments": {"a": "x"}}
            answer = post(stack.url(gateway), "tools/call", called).json()
            assert answer["error"]["message"].startswith("Unknown tool")
        assert server.called == []


@pytest.mark.behaviour("GW-DYNAMIC")
def test_a_dynamic_target_is_listed_for_each_client_anew(stack: Stack) -> None:
    server = Growing()
    with serve(server, lifespan="off") as url:
        gateway = stack.gateway()
        stack.target(gateway, "t", {"mcpServer": {"endpoint": f"{url}/mcp", "listingMode": "DYNAMIC"}})
        assert names(stack, gateway) == ["t___one"]
        server.tools = ["two"]
        assert names(stack, gateway) == ["t___two"]
        assert "result" in post(stack.url(gateway), "tools/call", {"name": "t___two"}).json()
        server.broken = True
        assert names(stack, gateway) == []


@pytest.mark.behaviour("GW-STATIC")
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_static_schema_is_listed_without_asking_the_server(stack: Stack, wrapped: bool) -> None:
    server = Growing()
    with serve(server, lifespan="off") as url:
        tools = [{"name": "fixed", "inputSchema": {"type": "object"}}]
        schema = {"inlinePayload": json.dumps({"tools": tools} if wrapped else tools)}
        gateway = stack.gateway()
        stack.target(gateway, "t", {"mcpServer": {"endpoint": f"{url}/mcp", "mcpToolSchema": schema}})
        assert names(stack, gateway) == ["t___fixed"]
        assert server.lists == 0


def test_arguments_that_a_tool_wants_in_headers_are_repeated_there(stack: Stack) -> None:
    server = Growing()
    server.schema = {
        "type": "object",
        "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
    }
    with serve(server, lifespan="off") as url:
        gateway = stack.gateway()
        stack.target(gateway, "t", {"mcpServer": {"endpoint": f"{url}/mcp"}})
        params = {"name": "t___one", "arguments": {"region": "eu"}}
        post(stack.url(gateway), "tools/call", params)
        assert server.headers[-1]["mcp-param-region"] == "eu"
        own = {"mcp-param-region": "=?base64?ZXU=?="}
        post(stack.url(gateway), "tools/call", params, modern=True, headers=own)
        assert server.headers[-1]["mcp-param-region"] == "=?base64?ZXU=?="


@pytest.mark.behaviour("GW-PERMITTED")
def test_what_is_not_listed_cannot_be_called(stack: Stack) -> None:
    server = Growing()
    server.tools = ["fits", "x" * 260]
    with serve(server, lifespan="off") as url:
        gateway = stack.gateway()
        stack.target(gateway, "t", {"mcpServer": {"endpoint": f"{url}/mcp"}})
        assert names(stack, gateway) == ["t___fits"]
        answer = post(stack.url(gateway), "tools/call", {"name": "t___" + "x" * 260})
        assert answer.json()["error"]["code"] == -32602
        assert server.called == []


def test_a_slow_target_does_not_hold_up_a_list_for_ever() -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    with gateway_stack(listing=0.2) as stack, serve(silent, lifespan="off") as url:
        gateway = stack.gateway()
        stack.target(gateway, "t", {"mcpServer": {"endpoint": f"{url}/mcp"}})
        assert names(stack, gateway) == []
        result = post(stack.url(gateway), "tools/call", {"name": "t___x"}).json()["result"]
        assert "did not answer within 0.2 s" in result["content"][0]["text"]


def test_a_target_that_does_not_answer_delays_no_call_of_another(backend: Backend) -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    with gateway_stack(listing=600.0) as stack, serve(silent, lifespan="off") as url:
        gateway = stack.gateway()
        stack.target(gateway, "slow", {"mcpServer": {"endpoint": f"{url}/mcp"}})
        stack.target(gateway, "echo", {"mcpServer": {"endpoint": backend.url}})
        params = {"name": "echo___echo", "arguments": {"text": "x"}}
        assert "result" in post(stack.url(gateway), "tools/call", params).json()


def test_a_write_during_a_synchronisation_is_not_lost(stack: Stack) -> None:
    server = Growing()
    server.gate.clear()
    with serve(server, lifespan="off") as url:
        gateway = stack.gateway()
        record = stack.target(gateway, "t", {"mcpServer": {"endpoint": f"{url}/mcp"}}, tell=True)
        assert server.waiting.wait(20)
        stack.told("updated", record)  # while the first list is on its way
        server.gate.set()
        assert server.twice.wait(20)


def test_closing_the_plane_ends_a_synchronisation() -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    with serve(silent, lifespan="off") as url, gateway_stack(listing=600.0) as stack:
        gateway = stack.gateway()
        stack.target(gateway, "t", {"mcpServer": {"endpoint": f"{url}/mcp"}}, tell=True)
        assert httpx2.get(stack.base, trust_env=False).status_code == 404


@pytest.mark.behaviour("GW-SYNC")
def test_what_is_fetched_for_a_gateway_ends_with_it() -> None:
    server = Growing()
    server.gate.clear()
    with gateway_stack(listing=600.0) as stack, serve(server, lifespan="off") as url:
        gateway = stack.gateway()
        record = stack.resources.gateways[gateway]
        stack.target(gateway, "t", {"mcpServer": {"endpoint": f"{url}/mcp"}}, tell=True)
        assert server.waiting.wait(20)
        stack.changed_gateway("deleted", gateway, record)
        try:
            assert stack.recorder.wait_for("→ MCP tools/list").detail["error"] == "cancelled"
        finally:
            server.gate.set()
