"""The pairs of eras in which a server wants a page opened, and a person who is shown it: a table for every relay.

person = Person(server, "accept")
async with connected(url, pair, person) as client:
    result = await answered(client, "sign_in", person, pair)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from mcp import types
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError, UrlElicitationRequiredError

from tests.kit.page_server import PageServer


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
    Pair("legacy", "modern", "modern", "question"),
    Pair("2026-07-28", "legacy", "ask", "question"),
    Pair("2026-07-28", "legacy", "error", "question"),
    Pair("2026-07-28", "modern", "modern", "question"),
]


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


async def answered(client: Client, tool: str, person: Person, pair: Pair) -> Any:
    """The end of the call; a client that gets the error opens the page, waits for word of it, and calls again."""
    if pair.heard == "question":
        return await client.call_tool(tool, {})
    with pytest.raises(MCPError) as caught:
        await client.call_tool(tool, {})
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
    return await client.call_tool(tool, {})


@asynccontextmanager
async def connected(url: str, pair: Pair, person: Person) -> AsyncIterator[Client]:
    """An SDK client of the row's era, whose person answers."""
    async with (
        httpx2.AsyncClient(trust_env=False, timeout=60, event_hooks={"response": [person.listens]}) as http,
        Client(
            streamable_http_client(url, http_client=http),
            mode=pair.client,
            elicitation_callback=person,
            message_handler=person.heard,
        ) as client,
    ):
        yield client
