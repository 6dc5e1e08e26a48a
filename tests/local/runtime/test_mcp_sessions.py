"""Sessions of MCP runtimes: who makes the id, what becomes of it when compute is recycled, the health probe."""

import json

import pytest
import pytest_asyncio

from skerry.local.runtime.sessions.sessions import ALIASES
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
ERA = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list"}
LOG = "Please check your CloudWatch logs for more information."


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


async def whoami(running, name, **more):
    answer = await running.rpc(name, "tools/call", {"name": "whoami", "arguments": {}}, **more)
    assert 200 == answer.status_code, answer.text
    return message(answer)["result"]["structuredContent"]


async def pass_time(running, seconds):
    running.clock.advance(seconds)
    await running.plane.sessions.sweep()


@pytest.mark.behaviour("RT-MCP-TABLE")
@pytest.mark.parametrize(
    ("name", "method", "params", "headers", "status", "code"),
    [
        ("stateless", "initialize", INITIALIZE, {}, 200, None),
        ("stateful", "initialize", INITIALIZE, {}, 200, None),
        ("stateless", "initialize", INITIALIZE, {MCP_SESSION_ID: ONE}, 200, None),
        ("stateful", "initialize", INITIALIZE, {MCP_SESSION_ID: ONE}, 404, -32010),
        ("stateless", "ping", {}, {}, 200, None),
        ("stateful", "ping", {}, {}, 200, -32010),
        ("stateless", "tools/list", {}, {MCP_SESSION_ID: ONE}, 200, None),
        ("stateful", "tools/list", {}, {MCP_SESSION_ID: ONE}, 404, -32010),
        ("stateless", "tools/list", MODERN, ERA, 200, None),
        ("stateful", "tools/list", MODERN, ERA, 200, None),
        ("stateless", "tools/list", MODERN, {**ERA, MCP_SESSION_ID: ONE}, 200, None),
        ("stateful", "tools/list", MODERN, {**ERA, MCP_SESSION_ID: ONE}, 200, None),
        ("stateless", "ping", {}, {"Accept": "application/json"}, 406, -32011),
    ],
)
async def test_both_kinds_of_server_with_and_without_an_id(
    running, name, method, params, headers, status, code
):
    answer = await running.rpc(name, method, params, headers=headers)
    said = message(answer) if answer.content else {}
    assert status == answer.status_code, answer.text
    if code is None:
        assert "result" in said
        assert answer.headers[MCP_SESSION_ID]
    elif status != 404:  # a 404 is the server's own
        assert code == said["error"]["code"]


@pytest.mark.behaviour("RT-MCP-RECYCLED")
async def test_a_stateful_servers_id_is_lost_with_its_compute_and_initialize_gives_a_new_one(running):
    chosen = (await running.rpc("stateful", "initialize", INITIALIZE)).headers[MCP_SESSION_ID]
    before = await whoami(running, "stateful", headers={MCP_SESSION_ID: chosen})
    await pass_time(running, 900)
    assert [] == running.plane.sessions.listing()
    lost = await running.rpc("stateful", "tools/list", headers={MCP_SESSION_ID: chosen})
    assert 404 == lost.status_code
    assert 1 == len(running.plane.sessions.listing())  # new compute was booted for the old id
    again = (await running.rpc("stateful", "initialize", INITIALIZE)).headers[MCP_SESSION_ID]
    after = await whoami(running, "stateful", headers={MCP_SESSION_ID: again})
    assert (True, True) == (again != chosen, after["pid"] != before["pid"])


@pytest.mark.behaviour("RT-MCP-RECYCLED")
async def test_a_lost_id_can_be_a_json_rpc_error_in_a_200(tmp_path):
    unknowns = Unknowns(pass_mcp_not_found=False)
    async with runtime_plane(tmp_path / "state", unknowns=unknowns) as running:
        running.resources.put(record("stateful", entry="server.py", protocol="MCP"))
        chosen = (await running.rpc("stateful", "initialize", INITIALIZE)).headers[MCP_SESSION_ID]
        await pass_time(running, 900)
        lost = await running.rpc("stateful", "tools/list", headers={MCP_SESSION_ID: chosen})
        error = lost.json()["error"]
        assert (200, -32010) == (lost.status_code, error["code"])
        assert error["message"].startswith(f"Received error (404) from runtime. {LOG}")


@pytest.mark.behaviour("RT-MCP-RECYCLED")
async def test_a_stateless_servers_id_outlives_its_compute(running):
    given = (await running.rpc("stateless", "initialize", INITIALIZE)).headers[MCP_SESSION_ID]
    before = await whoami(running, "stateless", headers={MCP_SESSION_ID: given})
    await pass_time(running, 900)
    after = await whoami(running, "stateless", headers={MCP_SESSION_ID: given})
    assert before["pid"] != after["pid"]
    assert given == after["headers"][MCP_SESSION_ID.lower()]


@pytest.mark.behaviour("RT-MCP-BOTH-IDS")
async def test_of_both_headers_the_mcp_session_selects_and_the_program_sees_its_runtime_session(running):
    """As boto3 sends them: with mcpSessionId, and a new runtimeSessionId for every call."""
    seen = [
        await whoami(running, "stateless", session=f"{number}" * 36, headers={MCP_SESSION_ID: ONE})
        for number in range(2)
    ]
    assert seen[0]["pid"] == seen[1]["pid"]
    assert [ONE, ONE] == [item["headers"][RUNTIME_SESSION_ID.lower()] for item in seen]


@pytest.mark.behaviour("RT-MCP-OWN-ID")
async def test_of_many_ids_that_a_server_chose_the_newest_are_known(running):
    chosen = [
        (await running.rpc("stateful", "initialize", INITIALIZE, session=ONE)).headers[MCP_SESSION_ID]
        for _ in range(ALIASES + 1)
    ]
    (shown,) = running.plane.sessions.listing()
    assert shown["pid"] == (await whoami(running, "stateful", headers={MCP_SESSION_ID: chosen[-1]}))["pid"]
    assert 404 == (await running.rpc("stateful", "ping", headers={MCP_SESSION_ID: chosen[0]})).status_code


@pytest.mark.behaviour("RT-MCP-OWN-ID")
@pytest.mark.parametrize("wanted", ["theirs", ONE])
async def test_no_program_takes_over_the_id_of_another_session(running, wanted):
    running.resources.put(record("probed", protocol="MCP"))
    theirs = await running.rpc("probed", "initialize", {"choose": "theirs"}, session=ONE)
    other = await running.rpc("probed", "initialize", {"choose": wanted})
    again = await running.rpc("probed", "ping", headers={MCP_SESSION_ID: "theirs"})
    sessions = [answer.headers[RUNTIME_SESSION_ID] for answer in (theirs, other, again)]
    assert (ONE, True, ONE) == (sessions[0], sessions[1] != ONE, sessions[2])


@pytest.mark.behaviour("RT-MCP-SUPPLY")
async def test_strictly_the_platforms_id_reaches_the_server_on_initialize_and_is_the_clients(tmp_path):
    unknowns = Unknowns(supply_mcp_session_id=True)
    async with runtime_plane(tmp_path / "state", unknowns=unknowns) as running:
        running.resources.put(record("probed", protocol="MCP"))
        answer = await running.rpc("probed", "initialize", INITIALIZE)
        probe, initialize = answer.json()["result"]["asked"]
        assert answer.headers[MCP_SESSION_ID] == initialize["headers"][MCP_SESSION_ID.lower()]
        assert MCP_SESSION_ID.lower() not in probe["headers"]


@pytest.mark.behaviour("RT-MCP-METHODS")
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_mcp_runtimes_have_no_stream_and_no_delete(running, method):
    url = running.url_of("stateful")
    headers = {MCP_SESSION_ID: ONE, "Accept": "text/event-stream"}
    answer = await running.http.request(method, url, headers=running.signed(method, url, headers, b""))
    assert (405, "POST") == (answer.status_code, answer.headers["allow"])


@pytest.mark.behaviour("RT-MCP-PROBE")
async def test_the_probe_is_a_json_rpc_ping_from_the_loopback_without_token_and_session(running):
    running.resources.put(record("probed", protocol="MCP"))
    answer = await running.rpc("probed", "tools/list", session=ONE)
    probe, request = answer.json()["result"]["asked"]
    assert ("/mcp", "127.0.0.1", "ping") == (probe["path"], probe["from"], probe["message"]["method"])
    assert not {"authorization", MCP_SESSION_ID.lower(), RUNTIME_SESSION_ID.lower()} & set(probe["headers"])
    assert "tools/list" == request["message"]["method"]
    assert request["headers"]["host"].startswith("127.0.0.1:")  # a server that checks Host answers


@pytest.mark.behaviour("RT-MCP-PROBE")
@pytest.mark.parametrize(
    ("status", "well"), [(400, True), (404, True), (405, True), (401, False), (403, False)]
)
async def test_a_server_is_well_unless_it_wants_to_know_who_pings(running, status, well):
    running.resources.put(
        record(
            "probed", name=f"probed-{status}", protocol="MCP", environmentVariables={"STATUS": str(status)}
        )
    )
    answer = await running.rpc(f"probed-{status}", "ping", headers={MCP_SESSION_ID: ONE})
    assert 200 == answer.status_code
    assert well == ("result" in answer.json())
    if not well:
        error = answer.json()["error"]
        assert -32010 == error["code"]
        assert error["message"].startswith("Runtime health check failed or timed out.")
        assert "carries no token" in error["message"]


@pytest.mark.behaviour("RT-MCP-PROBE")
async def test_an_mcp_server_in_an_http_runtime_fails_its_health_check_with_the_likely_mistake(running):
    running.resources.put(
        record(
            "stateless",
            name="forgot",
            entry="server.py",
            protocolConfiguration={"serverProtocol": "HTTP", "port": 8000},
        )
    )
    answer = await running.invoke("forgot", b"{}", session=ONE)
    assert 424 == answer.status_code
    assert "is it an MCP server without serverProtocol MCP?" in answer.json()["message"]
