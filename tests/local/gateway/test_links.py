"""Pages that a server wants opened, through the gateway: every pair of eras, every way of asking, every answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from mcp import types
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError, UrlElicitationRequiredError

from tests.kit.gateway_stack import Stack
from tests.kit.page_server import MESSAGE, PageServer, page_server
from tests.local.gateway.test_sessions import sessions


@dataclass(frozen=True)
class Pair:
    """A row: who speaks which era, how the server asks, and how the client hears of it."""

    client: str
    server: str
    way: str
    heard: str

    def __str__(self) -> str:
        return f"{self.client}-{self.server}-{self.way}"


PAIRS = [
    Pair("legacy", "legacy", "ask", "question"),
    Pair("legacy", "legacy", "error", "error"),
    Pair("legacy", "both", "modern", "question"),
    Pair("2026-07-28", "legacy", "ask", "question"),
    Pair("2026-07-28", "legacy", "error", "question"),
    Pair("2026-07-28", "both", "modern", "question"),
]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, PageServer]]:
    with page_server(legacy=True) as old, page_server() as both:
        yield {"legacy": old, "both": both}


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


class Person:
    """Who is shown links and opens them, or not."""

    def __init__(self, server: PageServer, action: str) -> None:
        self.server = server
        self.action = action
        self.asked: list[types.ElicitRequestURLParams] = []
        self.done: list[str] = []
        self.told = asyncio.Event()
        self.listening = asyncio.Event()

    async def __call__(self, _: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        assert isinstance(params, types.ElicitRequestURLParams)
        self.asked.append(params)
        if self.action == "accept":
            await self.open()
        return types.ElicitResult(action=self.action)  # type: ignore[arg-type]

    async def open(self) -> None:
        async with httpx2.AsyncClient(trust_env=False) as browser:
            assert (await browser.get(self.server.page)).text == "done"

    async def listens(self, response: httpx2.Response) -> None:
        if response.request.method == "GET":
            self.listening.set()

    async def heard(self, message: Any) -> None:
        if isinstance(message, types.ElicitCompleteNotification):
            self.done.append(message.params.elicitation_id)
            self.told.set()


async def answered(client: Client, person: Person, pair: Pair) -> Any:
    """The end of the call; a client that gets the error opens the page, waits for word of it, and calls again."""
    if pair.heard == "question":
        return await client.call_tool("t___sign_in", {})
    with pytest.raises(MCPError) as caught:
        await client.call_tool("t___sign_in", {})
    (page,) = UrlElicitationRequiredError.from_error(caught.value.error).elicitations
    person.asked.append(page)
    if person.action != "accept":
        return None
    async with asyncio.timeout(20):
        await person.listening.wait()
        assert await asyncio.to_thread(person.server.listening.wait, 10)
        await person.open()
        await person.told.wait()
    assert person.done == [page.elicitation_id]
    return await client.call_tool("t___sign_in", {})


@pytest.mark.behaviour("GWS-LINK-PAIRS")
@pytest.mark.parametrize("action", ["accept", "decline", "cancel"])
@pytest.mark.parametrize("pair", PAIRS, ids=str)
async def test_a_link_reaches_the_person_and_the_answer_the_server_whatever_the_eras(
    stack: Stack, server: PageServer, pair: Pair, action: str
):
    person = Person(server, action)
    url = gateway(stack, server)
    async with (
        httpx2.AsyncClient(trust_env=False, timeout=30, event_hooks={"response": [person.listens]}) as http,
        Client(
            streamable_http_client(url, http_client=http),
            mode=pair.client,
            elicitation_callback=person,
            message_handler=person.heard,
        ) as client,
    ):
        result = await answered(client, person, pair)
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
