"""Unmodified MCP clients against runtimes of protocol MCP, in both eras."""

import pytest
import pytest_asyncio
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

from skerry.local.clock import SystemClock
from tests.kit.issuer import FakeIssuer
from tests.kit.runtime_plane import record, runtime_plane

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory):
    """One plane for the module; each client begins sessions of its own."""
    issuer = FakeIssuer(SystemClock())
    async with runtime_plane(
        tmp_path_factory.mktemp("mcp") / "state", clock=SystemClock(), fetch_key=issuer.fetch
    ) as running:
        jwt = {"discoveryUrl": issuer.discovery_url, "allowedAudience": ["accounts"]}
        for name in ("stateless", "stateful"):
            running.resources.put(record(name, entry="server.py", protocol="MCP", jwt=jwt))
        running.token = issuer.mint()
        yield running


def client(running, name, **more):
    headers = {"Authorization": f"Bearer {running.token}"}
    return Client(StreamableHttpTransport(running.url_of(name), headers=headers), **more)


@pytest.mark.behaviour("RT-MCP-CLIENTS")
@pytest.mark.parametrize("mode", ["legacy", "auto"])
@pytest.mark.parametrize("name", ["stateless", "stateful"])
async def test_a_client_lists_and_calls_tools(running, name, mode):
    async with client(running, name, mode=mode) as session:
        assert "whoami" in {tool.name for tool in await session.list_tools()}
        pids = {(await session.call_tool("whoami")).data["pid"] for _ in range(2)}
    if mode == "legacy":  # the session id of initialize leads to one process
        assert 1 == len(pids)


@pytest.mark.behaviour("RT-MCP-CLIENTS")
async def test_a_stateful_server_asks_the_user_in_the_middle_of_a_call(running):
    asked = []

    async def answer(message, response_type, params, context):
        asked.append(message)
        return response_type(agreed=True)

    async with client(running, "stateful", mode="legacy", elicitation_handler=answer) as session:
        result = await session.call_tool("ask", {"question": "Really?"})
    assert (["Really?"], "accept: True") == (asked, result.data)
