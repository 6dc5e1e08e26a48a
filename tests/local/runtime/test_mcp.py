"""InvokeAgentRuntime of MCP servers: which session, which ids, which errors."""

import json

import pytest
import pytest_asyncio
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from skerry.local.runtime.settings import Unknowns
from skerry.wire.headers import MCP_SESSION_ID, RUNTIME_SESSION_ID
from skerry.wire.sse import Decoder
from tests.kit.runtime_plane import record, runtime_plane

ONE = "session-one-" + "1" * 28
INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}
MODERN = {
    "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plane(tmp_path_factory):
    """One plane for the module: importing FastMCP in a warm parent takes a second and more."""
    async with runtime_plane(tmp_path_factory.mktemp("mcp") / "state") as plane:
        for name in ("stateless", "stateful"):
            plane.resources.put(record(name, entry="server.py", protocol="MCP"))
        yield plane


@pytest_asyncio.fixture(loop_scope="module")
async def running(plane):
    """The plane, without a session."""
    yield plane
    await pass_time(plane, 28800)
    assert [] == plane.plane.sessions.listing()


def message(answer):
    """The JSON-RPC message of an answer, JSON or one event."""
    if "text/event-stream" in answer.headers["content-type"]:
        return json.loads([event.data for event in Decoder().feed(answer.content) if event.data][-1])
    return answer.json()


async def pass_time(running, seconds):
    running.clock.advance(seconds)
    await running.plane.sessions.sweep()


async def whoami(running, name, **more):
    answer = await running.rpc(name, "tools/call", {"name": "whoami", "arguments": {}}, **more)
    return message(answer)["result"]["structuredContent"]


@pytest.mark.behaviour("RT-MCP-INITIALIZE")
async def test_a_server_without_sessions_gets_no_id_and_its_client_gets_one(running):
    answer = await running.rpc("stateless", "initialize", INITIALIZE)
    assert 200 == answer.status_code
    session = answer.headers[MCP_SESSION_ID]
    assert session == answer.headers[RUNTIME_SESSION_ID]
    seen = await whoami(running, "stateless", headers={MCP_SESSION_ID: session})
    assert (session, session) == (
        seen["headers"][RUNTIME_SESSION_ID.lower()],
        seen["headers"][MCP_SESSION_ID.lower()],
    )


@pytest.mark.behaviour("RT-MCP-OWN-ID")
async def test_an_id_of_the_servers_choosing_is_the_clients_id(running):
    answer = await running.rpc("stateful", "initialize", INITIALIZE)
    chosen = answer.headers[MCP_SESSION_ID]
    assert chosen != answer.headers[RUNTIME_SESSION_ID]
    pids = [(await whoami(running, "stateful", headers={MCP_SESSION_ID: chosen}))["pid"] for _ in range(2)]
    assert pids[0] == pids[1]


@pytest.mark.behaviour("RT-MCP-SESSION")
async def test_any_consistent_id_is_one_process_and_no_id_is_a_new_one(running):
    never_issued = [await whoami(running, "stateless", headers={MCP_SESSION_ID: "mine"}) for _ in range(2)]
    without = [await whoami(running, "stateless") for _ in range(2)]
    assert never_issued[0]["pid"] == never_issued[1]["pid"]
    assert 3 == len({about["pid"] for about in [never_issued[0], *without]})


@pytest.mark.behaviour("RT-MCP-SESSION")
async def test_the_runtime_session_header_selects_too_where_there_is_no_mcp_session(running):
    pids = [(await whoami(running, "stateless", session=ONE))["pid"] for _ in range(2)]
    assert pids[0] == pids[1]


@pytest.mark.behaviour("RT-MCP-MODERN")
async def test_a_request_of_2026_works_with_and_without_session_id(running):
    assert "2026-07-28" in MODERN_PROTOCOL_VERSIONS
    for name in ("stateless", "stateful"):
        for headers in ({}, {MCP_SESSION_ID: "any-id"}):
            sent = {**headers, "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list"}
            answer = await running.rpc(name, "tools/list", MODERN, headers=sent)
            assert 200 == answer.status_code, answer.text
            assert "whoami" in {tool["name"] for tool in message(answer)["result"]["tools"]}
            assert answer.headers[MCP_SESSION_ID]


@pytest.mark.behaviour("RT-MCP-406")
@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json, text/event-stream", 200),
        ("text/event-stream;q=0.5,application/json", 200),
        ("application/json", 406),
        ("text/event-stream", 406),
        ("*/*", 406),
        ("", 406),
    ],
)
async def test_accept_must_list_both_types(running, accept, status):
    answer = await running.rpc("stateless", "ping", headers={"Accept": accept})
    assert status == answer.status_code
    if status == 406:
        error = answer.json()["error"]
        assert -32011 == error["code"]
        assert (
            "Accept Header Error - MCP protocol requires Accept header: application/json, text/event-stream"
            == error["message"]
        )


@pytest.mark.behaviour("RT-MCP-32010")
async def test_an_error_of_the_server_is_a_json_rpc_error_in_a_200(running):
    answer = await running.rpc("stateful", "tools/list")  # stateful, and no session: its 400
    assert 200 == answer.status_code
    assert {
        "jsonrpc": "2.0",
        "id": 7,
        "error": {
            "code": -32010,
            "message": "Received error (400) from runtime. Please check your CloudWatch logs for more "
            "information.",
        },
    } == answer.json()


@pytest.mark.behaviour("RT-MCP-404")
async def test_a_stateful_server_that_lost_its_session_says_404(running, tmp_path):
    lost = {MCP_SESSION_ID: "0" * 32 + "-of-an-earlier-process"}
    answer = await running.rpc("stateful", "tools/list", headers=lost)
    assert 404 == answer.status_code
    unknowns = Unknowns(pass_mcp_not_found=False)
    async with runtime_plane(tmp_path / "other", unknowns=unknowns) as other:
        other.resources.put(record("stateful", entry="server.py", protocol="MCP"))
        answer = await other.rpc("stateful", "tools/list", headers=lost)
        assert (200, -32010) == (answer.status_code, answer.json()["error"]["code"])


async def test_the_platform_can_supply_the_session_id_of_initialize(tmp_path):
    unknowns = Unknowns(supply_mcp_session_id=True)
    async with runtime_plane(tmp_path / "state", unknowns=unknowns) as running:
        running.resources.put(record("stateful", entry="server.py", protocol="MCP"))
        answer = await running.rpc("stateful", "initialize", INITIALIZE)
        # The SDK's stateful server knows no session that it did not make.
        assert -32010 == answer.json()["error"]["code"]


async def test_a_notification_keeps_its_202(running):
    answer = await running.rpc("stateful", "initialize", INITIALIZE)
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    headers = {
        "Accept": "application/json, text/event-stream",
        MCP_SESSION_ID: answer.headers[MCP_SESSION_ID],
    }
    assert 202 == (await running.invoke("stateful", note, headers=headers)).status_code


async def test_a_tool_that_fails_is_a_result_of_the_server(running):
    answer = await running.rpc("stateless", "tools/call", {"name": "fail", "arguments": {}})
    assert message(answer)["result"]["isError"] is True


@pytest.mark.behaviour("RT-MCP-ERRORS")
async def test_an_unknown_runtime_and_a_bad_session_id(running):
    running.resources.put(record("crash", protocol="MCP"))
    bad = await running.rpc("stateless", "ping", session="short")
    assert (200, -32006, 7) == (bad.status_code, bad.json()["error"]["code"], bad.json()["id"])
    crash = await running.rpc("crash", "ping")
    assert (200, -32010) == (crash.status_code, crash.json()["error"]["code"])
    assert "completes in 30s." in crash.json()["error"]["message"]


@pytest.mark.behaviour("RT-MCP-HEALTH")
async def test_a_stateful_servers_400_to_the_bare_ping_counts_as_healthy(running):
    assert 200 == (await running.rpc("stateful", "initialize", INITIALIZE)).status_code
