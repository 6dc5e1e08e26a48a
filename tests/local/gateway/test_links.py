"""Pages that a server wants opened, through the gateway: every pair of eras, every way of asking, every answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError

from tests.kit.gateway_stack import Stack
from tests.kit.link_walk import PAIRS, Pair, Person, answered, connected
from tests.kit.page_server import MESSAGE, PageServer, page_server
from tests.local.gateway.test_sessions import sessions


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, PageServer]]:
    with page_server("legacy") as old, page_server("modern") as new:
        yield {"legacy": old, "modern": new}


@pytest.fixture
def server(servers: dict[str, PageServer], pair: Pair) -> PageServer:
    found = servers[pair.server]
    found.way, found.opened, found.ran = pair.way, False, 0
    found.actions.clear()
    found.sessions.clear()
    found.listening.clear()
    return found


def gateway(stack: Stack, server: PageServer) -> str:
    made = stack.gateway(**sessions(streams=True))
    stack.target(made, "t", {"mcpServer": {"endpoint": server.url}})
    return stack.url(made)


@pytest.mark.behaviour("GWS-LINK-PAIRS")
@pytest.mark.parametrize("action", ["accept", "decline", "cancel"])
@pytest.mark.parametrize("pair", PAIRS, ids=str)
async def test_a_link_reaches_the_person_and_the_answer_the_server_whatever_the_eras(
    stack: Stack, server: PageServer, pair: Pair, action: str
):
    person = Person(server, action)
    url = gateway(stack, server)
    async with connected(url, pair, person) as client:
        result = await answered(client, "t___sign_in", person, pair)
    (page,) = person.asked
    assert (page.url, page.message) == (server.page, MESSAGE)
    assert (page.elicitation_id is None) is (pair.client != "legacy")
    assert server.ran == (1 if action == "accept" else 0)
    if pair.way != "error":
        assert server.actions == [action]
    if action == "accept":
        assert result.content[0].text == "signed in"
    elif pair.client != "legacy" and pair.way == "error":
        assert result.is_error
        assert "was not opened" in result.content[0].text


@pytest.mark.behaviour("GWS-LINK-UNDECLARED")
@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair.way != "error"], ids=str)
async def test_a_client_that_shows_no_links_is_not_asked(stack: Stack, server: PageServer, pair: Pair):
    url = gateway(stack, server)
    async with Client(url, mode=pair.client) as client:
        try:
            result: Any = await client.call_tool("t___sign_in", {})
            assert result.is_error
        except MCPError as problem:
            assert problem.error.code in (-32021, -32042)
    assert server.actions == []
    assert server.ran == 0
