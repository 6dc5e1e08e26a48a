"""A connection to an MCP server of either era, over streamable HTTP or stdio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal

import httpx2
from mcp.client import Client
from mcp.client.session import ElicitationFnT
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import Implementation, Tool

from skerry import __version__
from skerry.auth.ports import ALONE, Surroundings
from skerry.client.problems import FAILURES, Refusals
from skerry.client.target import Challenged, Target

Era = Literal["auto", "legacy", "2026-07-28"]

TIMEOUT = httpx2.Timeout(10, read=300)
MAX_PAGES = 100
IDENTITY = Implementation(name="skerry", version=__version__)


@asynccontextmanager
async def over_http(
    target: Target,
    *,
    era: Era,
    answers: ElicitationFnT,
    refusals: Refusals,
    surroundings: Surroundings = ALONE,
) -> AsyncIterator[Client]:
    """A client of the server at `target`; redirects are not followed, so a proof stays where it belongs.

    A person may sign in for longer than the SDK waits for a server to say its era; it is asked again then.
    """
    auth = await target.auth(surroundings)
    for last in (False, False, True):
        before = auth.turns if isinstance(auth, Challenged) else 0
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(
                httpx2.AsyncClient(
                    auth=auth,
                    headers=dict(target.headers),
                    timeout=TIMEOUT,
                    follow_redirects=False,
                    trust_env=httpx2.URL(target.url).host not in ("127.0.0.1", "localhost", "::1"),
                    event_hooks={"response": [refusals.keep]},
                )
            )
            try:
                client = await stack.enter_async_context(
                    Client(
                        streamable_http_client(target.url, http_client=http),
                        mode=era,
                        elicitation_callback=answers,
                        client_info=IDENTITY,
                    )
                )
            except FAILURES:
                if last or not isinstance(auth, Challenged) or auth.turns == before:
                    raise
                continue
            yield client
            return


@asynccontextmanager
async def over_stdio(command: Sequence[str], *, era: Era, answers: ElicitationFnT) -> AsyncIterator[Client]:
    """A client of a server that is started for this call and ended after it."""
    server = StdioServerParameters(command=command[0], args=list(command[1:]))
    async with Client(server, mode=era, elicitation_callback=answers, client_info=IDENTITY) as client:
        yield client


async def all_tools(client: Client) -> list[Tool]:
    """Every tool, page after page."""
    found: list[Tool] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await client.list_tools(cursor=cursor)
        found += page.tools
        cursor = page.next_cursor
        if cursor is None:
            break
    return found
