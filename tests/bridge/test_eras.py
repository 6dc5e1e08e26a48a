"""Clients and programs of both eras, in all four pairs, and both at once on one endpoint."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest
from mcp.client import Client as SdkClient
from mcp_types import ElicitResult

from tests.kit.bridge import Client, bridge, program

MODES = {"legacy": "legacy", "modern": "2026-07-28", "auto": "auto"}
META = "io.modelcontextprotocol/"


async def elicited(context, params):
    return ElicitResult(action="accept", content={"name": "Ann"})


@pytest.fixture
async def modern():
    async with bridge(command=program("modern")) as started:
        yield started


@pytest.mark.behaviour("BRIDGE-ERAS")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["desk", "modern"])
async def test_a_client_of_each_era_asks_and_is_asked_by_a_program_of_each(name, mode):
    arguments = {"id": "q", "method": "elicitation/create"}
    arguments["params"] = {"message": "?", "requestedSchema": {"type": "object", "properties": {}}}
    async with bridge(command=program(name)) as running:
        url = f"{running.base}/mcp"
        async with SdkClient(url, mode=MODES[mode], elicitation_callback=elicited) as client:
            assert (await client.list_tools()).tools
            answer = await client.call_tool("ask", arguments)
            assert "Ann" in answer.content[0].text


@pytest.mark.behaviour("BRIDGE-ERAS")
async def test_a_program_of_both_eras_serves_both_at_once_with_a_process_for_each():
    command = [sys.executable, "-m", "tests.kit.stdio_server"]
    async with bridge(command=command) as running:
        url = f"{running.base}/mcp"
        async with SdkClient(url, mode="legacy") as old, SdkClient(url, mode="2026-07-28") as new:
            calls = [
                client.call_tool("add", {"first": 1, "second": n}) for client in (old, new) for n in (1, 2)
            ]
            assert ["2", "3", "2", "3"] == [answer.content[0].text for answer in await asyncio.gather(*calls)]


@pytest.mark.behaviour("BRIDGE-MODERN")
async def test_modern_requests_are_checked_before_they_reach_the_program(modern):
    async with Client(modern.base) as client:
        good = client.modern("tools/call", {"name": "echo", "arguments": {"text": "x"}})
        headers = client.modern_headers(good)
        assert "x" == (await client.send(good, headers=headers)).text
        session = {"mcp-session-id": "of-the-platform"}  # ignored in this era
        assert "x" == (await client.send(good, headers={**headers, **session})).text
        cases = [
            (400, -32020, good, {**headers, "mcp-method": None}),
            (400, -32020, good, {**headers, "mcp-method": "tools/list"}),
            (400, -32020, good, {**headers, "mcp-name": "other"}),
            (400, -32602, client.request("tools/list", {}), {**headers, "mcp-method": "tools/list"}),
        ]
        unknown = json.loads(json.dumps(good).replace("2026-07-28", "2099-01-01"))
        cases.append((400, -32022, unknown, {**headers, "mcp-protocol-version": "2099-01-01"}))
        missing = client.modern("nothing/here")
        cases.append((404, -32601, missing, client.modern_headers(missing)))
        for status, code, message, sent in cases:
            answer = await client.send(message, headers=sent)
            assert (status, code) == (answer.status, answer.error["code"])


@pytest.mark.behaviour("BRIDGE-MODERN")
async def test_the_http_contract_needs_no_mcp_headers(modern):
    async with Client(modern.base, "/invocations") as client:
        message = client.modern("tools/call", {"name": "echo", "arguments": {"text": "x"}})
        assert "x" == (await client.send(message, headers={"mcp-protocol-version": None})).text


@pytest.mark.behaviour("BRIDGE-GONE")
async def test_a_modern_client_that_leaves_cancels(modern):
    async with Client(modern.base) as client:
        hold = client.modern("tools/call", {"name": "hold", "_meta": {"progressToken": "t"}}, "H")
        async with client.open(hold, headers=client.modern_headers(hold)) as held:
            await held.until("notifications/progress")
        state = client.modern("tools/call", {"name": "state"})
        while not json.loads((await client.ask_modern(state)).text)["cancelled"]:
            pass


@pytest.mark.behaviour("BRIDGE-MATCH")
async def test_modern_clients_share_a_program_and_keep_ids_and_tokens_apart(modern):
    async with Client(modern.base) as one, Client(modern.base) as two:
        hold = one.modern("tools/call", {"name": "hold", "_meta": {"progressToken": "t"}}, 1)
        headers = one.modern_headers(hold)
        async with one.open(hold, headers=headers) as first, two.open(hold, headers=headers) as second:
            for held in (first, second):
                assert "t" == (await held.until("notifications/progress"))["params"]["progressToken"]
            echo = two.modern("tools/call", {"name": "echo", "arguments": {"text": "x"}}, 1)
            answer = await two.ask_modern(echo)
            assert (1, "x") == (answer.final["id"], answer.text)


@pytest.mark.behaviour("BRIDGE-STREAM")
async def test_subscriptions_keep_the_ids_of_their_clients(modern):
    async with Client(modern.base) as one, Client(modern.base) as two:
        listen = one.modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}}, "L")
        headers = one.modern_headers(listen)
        async with one.open(listen, headers=headers) as first, two.open(listen, headers=headers) as second:
            for stream in (first, second):
                granted = await stream.until("notifications/subscriptions/acknowledged")
                assert "L" == granted["params"]["_meta"][META + "subscriptionId"]
            await one.ask_modern(one.modern("tools/call", {"name": "changed"}))
            for stream in (first, second):
                changed = await stream.until("notifications/tools/list_changed")
                assert "L" == changed["params"]["_meta"][META + "subscriptionId"]
            ping = json.loads((await one.http.get("/ping")).content)
            assert "Healthy" == ping["status"]  # an open subscription alone is no use


@pytest.mark.behaviour("BRIDGE-MODERN")
async def test_log_messages_come_only_to_who_asked_for_them(modern):
    async with Client(modern.base) as client:
        plain = client.modern("tools/call", {"name": "log"})
        assert [] == (await client.ask_modern(plain)).methods()
        wants = client.modern("tools/call", {"name": "log", "_meta": {META + "logLevel": "info"}})
        assert ["notifications/message"] == (await client.ask_modern(wants)).methods()


@pytest.mark.behaviour("BRIDGE-ERAS")
async def test_a_silent_program_is_taken_for_a_legacy_one_and_its_probe_leaves_nothing_behind():
    async with bridge(command=program("silent")) as running, Client(running.base) as client:
        message = client.modern("tools/call", {"name": "echo", "arguments": {"text": "x"}})
        assert "x" == (await client.ask_modern(message)).text
        assert "1" == (await client.ask_modern(client.modern("tools/call", {"name": "processes"}))).text


@pytest.mark.behaviour("BRIDGE-DEATH")
async def test_a_modern_program_that_dies_is_started_again_by_the_next_call(modern):
    async with Client(modern.base) as client:
        for _ in range(2):
            dies = await client.ask_modern(client.modern("tools/call", {"name": "die"}))
            assert "out of ideas" in dies.error["message"]
            message = client.modern("tools/call", {"name": "echo", "arguments": {"text": "x"}})
            assert "x" == (await client.ask_modern(message)).text
