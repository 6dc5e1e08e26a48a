"""The agent's connection to its Gateway: MCP over streamable HTTP, proved per caller.

A connection belongs to one conversation and one caller. Each of its requests is proved anew, with a fresh
signature or the current token, and carries the context headers of the invocation that makes it; these
are added after signing and stay unsigned.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import timedelta
from functools import lru_cache
from typing import Any, Protocol, cast

import httpx2
from mcp.client import ClientRequestContext
from mcp.client.session import ElicitationFnT
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitRequestURLParams, ElicitResult, Tool
from strands.tools.mcp import MCPAgentTool, MCPClient
from strands.types.exceptions import MCPClientInitializationError
from strands.types.tools import ToolGenerator, ToolUse

from skerry.agent.errors import AgentError, innermost
from skerry.agent.identity import Caller
from skerry.agent.pages import STILL, UNOPENED, PageClient
from skerry.wire.headers import MCP_METHOD
from skerry.wire.trace import within

MAX_NAME = 64  # Bedrock's ToolName
MAX_TOOLS = 2000
MAX_BODY = 2000

_ANNOUNCES = re.compile(rb'"tools"\s*:\s*\{[^{}]*"listChanged"\s*:\s*true')
_UNFIT = re.compile(r"[^a-zA-Z0-9_-]")


class Proof(Protocol):
    """Proves requests on behalf of a caller."""

    async def prepare(self, caller: Caller) -> None:
        """Makes ready for an invocation of `caller`. Raises AgentError when it cannot be proved."""
        ...

    async def headers(self, request: httpx2.Request) -> Mapping[str, str]:
        """The headers that prove a request; called on the loop of the connection's own thread."""
        ...


class GatewayAuth(httpx2.Auth):
    """Adds proof and context headers to every request, and keeps the last refusal for error texts.

    `context` is replaced at the start of every invocation. `announces` is whether a gateway of the era
    without sessions says that it tells of changes of its tools.
    """

    requires_request_body = True

    def __init__(self, proof: Proof | None) -> None:
        self.proof = proof
        self.context: Mapping[str, str] = {}
        self.refusal = ""
        self.announces = False

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        if self.proof is not None:
            request.headers.update(await self.proof.headers(request))
        request.headers.update(self.context)
        response = yield request
        if request.headers.get(MCP_METHOD) == "server/discover" and response.status_code == 200:
            self.announces = _ANNOUNCES.search(await response.aread()) is not None
        if response.status_code >= 400:
            body = (await response.aread())[:MAX_BODY].decode("utf-8", errors="replace")
            self.refusal = f"HTTP {response.status_code} {' '.join(body.split())}".strip()


class Connection:
    """One MCP connection, opened when it is first needed.

    `elicited` answers the servers' own questions; `changed` is told when the gateway says that its tools are
    others now. A call may take `tool_time` seconds, and `patience` more while a person is asked.
    """

    def __init__(
        self,
        url: str,
        auth: GatewayAuth,
        *,
        elicited: ElicitationFnT,
        changed: Callable[[], None],
        tool_time: float = 120.0,
        patience: float = 300.0,
    ) -> None:
        self.auth = auth
        self.url = url
        self._tool_time = tool_time
        self._whole_time = timedelta(seconds=tool_time + patience)
        self._elicited = elicited
        self._changed = changed
        self._opening = asyncio.Lock()
        self._client: PageClient | None = None
        self._limit: asyncio.Timeout | None = None

    async def prepare(self, caller: Caller, headers: Mapping[str, str]) -> None:
        """Makes ready for an invocation of `caller` whose requests carry `headers`.

        Raises AgentError: CONFIGURATION_ERROR, GATEWAY_ERROR.
        """
        if self.auth.proof is not None:
            await self.auth.proof.prepare(caller)
        self.auth.context = headers

    async def listing(self) -> list[Tool]:
        """The gateway's tools as they are now, over the kept connection or, if it is gone, a new one.

        Raises AgentError GATEWAY_ERROR with the gateway's own words.
        """
        kept = self._client
        if kept is not None:
            try:
                return await asyncio.to_thread(_pages, kept)
            except (*_FAILURES, RuntimeError):
                await self.close()
        try:
            return await asyncio.to_thread(_pages, await self._ready())
        except _FAILURES as error:
            await self.close()
            raise self._problem(error, "gives no tools") from error

    async def call(self, tool: GatewayTool, use: ToolUse, state: dict[str, Any]) -> list[Any]:
        """Strands' events of one call. Raises AgentError GATEWAY_ERROR when it was not or may not be made."""
        kept = self._client is not None
        try:
            return await self._called(await self._ready(), tool, use, state)
        except _FAILURES as error:
            await self.close()
            if kept and isinstance(error, MCPClientInitializationError):  # it had ended; nothing was sent
                return await self.call(tool, use, state)
            raise self._problem(error, f"was not asked for {tool.mcp_tool.name}") from error

    async def _called(
        self, client: PageClient, tool: GatewayTool, use: ToolUse, state: dict[str, Any]
    ) -> list[Any]:
        self.auth.refusal = ""
        inner = MCPAgentTool(tool.mcp_tool, client, tool.tool_name, self._whole_time)
        try:
            async with asyncio.timeout(self._tool_time) as self._limit:
                events = await self._once(client, inner, use, state)
                if not client.wanted:
                    return events
                if not await self._opened(client.wanted):
                    return _said(events, UNOPENED)
                events = await self._once(client, inner, use, state)
                return _said(events, STILL) if client.wanted else events
        except TimeoutError:
            raise AgentError(
                "GATEWAY_ERROR",
                f"{tool.mcp_tool.name} gave no result within {self._tool_time:g} seconds. "
                "It may or may not have been carried out.",
            ) from None
        finally:
            self._limit = None
            if (
                self.auth.refusal
            ):  # such as a session that the gateway has forgotten: the next call begins anew
                await self.close()

    @staticmethod
    async def _once(
        client: PageClient, inner: MCPAgentTool, use: ToolUse, state: dict[str, Any]
    ) -> list[Any]:
        client.wanted = []
        return [event async for event in inner.stream(use, state)]

    async def _opened(self, wanted: Sequence[ElicitRequestURLParams]) -> bool:
        """Whether the person opened every page that a call needs first, and is done there."""
        for page in wanted:
            answer = await self._elicited(cast("ClientRequestContext", None), page)
            if not isinstance(answer, ElicitResult) or answer.action != "accept":
                return False
        return True

    def wait(self) -> None:
        """Stops the clock of the call under way: a person is being asked."""
        if self._limit is not None:
            self._limit.reschedule(None)

    def go_on(self) -> None:
        """The person has answered: the call has its whole time again."""
        if self._limit is not None:
            self._limit.reschedule(asyncio.get_running_loop().time() + self._tool_time)

    async def close(self) -> None:
        """Ends the connection; the next need of it opens a new one."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(RuntimeError):  # Strands reports here that the other side had closed already
                await asyncio.to_thread(client.stop, None, None, None)

    async def _ready(self) -> PageClient:
        async with self._opening:
            if self._client is None:
                self._client = await self._open()
            return self._client

    async def _open(self) -> PageClient:
        """A new connection that hears of changed tools where the gateway tells of them.

        Sessions of the older era get such news unasked. In the newer one it has to be subscribed to while the
        connection is made, which a gateway that has no news refuses.
        """
        self.auth.refusal, self.auth.announces = "", False
        client = await self._started(None)
        if self.auth.announces:
            await asyncio.to_thread(client.stop, None, None, None)
            return await self._started(self._news)
        client.on_tools_changed = self._news
        return client

    def _news(self, *_: Any) -> None:
        self._changed()

    async def _started(self, news: Callable[..., None] | None) -> PageClient:
        client = PageClient(
            self._transport,
            elicitation_callback=self._elicited,
            application_name="skerry-agent",
            startup_timeout=30,
            on_tools_changed=news,
        )
        with within(None):  # a connection outlives the request that opens it; each has its own in `context`
            starting = asyncio.ensure_future(asyncio.to_thread(client.start))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:  # a thread cannot be stopped: what it opens is closed then
            starting.add_done_callback(lambda opened: _abandoned(client, opened))
            raise
        return client

    def _transport(self) -> AbstractAsyncContextManager[Any]:
        @asynccontextmanager
        async def streams() -> AsyncIterator[Any]:
            timeout = httpx2.Timeout(10, read=self._whole_time.total_seconds(), pool=None)
            async with (
                httpx2.AsyncClient(
                    auth=self.auth, timeout=timeout, follow_redirects=False, verify=_trust()
                ) as http,
                streamable_http_client(self.url, http_client=http) as pair,
            ):
                yield pair

        return streams()

    def _problem(self, error: BaseException, what: str) -> AgentError:
        cause = innermost(error)
        if isinstance(cause, AgentError):
            return cause
        text = self.auth.refusal or str(cause) or type(cause).__name__
        status = self.auth.refusal[5:8]
        hint = _HINTS.get(status, "" if status else "Is SKERRY_GATEWAY_URL right, and does the gateway run?")
        return AgentError("GATEWAY_ERROR", f"the gateway at {self.url} {what}: {text}.", hint=hint)


class GatewayTool(MCPAgentTool):
    """A tool of the gateway that needs no connection until it is called."""

    def __init__(self, tool: Tool, connection: Connection) -> None:
        super().__init__(tool, cast("MCPClient", None), fitting(tool.name))
        self._connection = connection

    async def stream(
        self,
        tool_use: ToolUse,
        invocation_state: dict[str, Any],
        **_: Any,
    ) -> ToolGenerator:
        for event in await self._connection.call(self, tool_use, invocation_state):
            yield event


def _said(events: list[Any], text: str) -> list[Any]:
    """The events of a failed call, with these words for the model."""
    events[-1].tool_result["content"] = [{"text": text}]
    return events


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    """Whom connections trust, read once: reading all certificates takes longer than a connection."""
    return httpx2.create_ssl_context()


def _abandoned(client: MCPClient, opened: asyncio.Future[Any]) -> None:
    """Ends a connection that nobody waits for any more; one that was not opened has ended by itself."""
    if not opened.cancelled() and opened.exception() is None:
        opened.get_loop().run_in_executor(None, client.stop, None, None, None)


def _pages(client: MCPClient) -> list[Tool]:
    found: list[Tool] = []
    token: str | None = None
    while len(found) < MAX_TOOLS:
        page = client.list_tools_sync(token)
        found.extend(tool.mcp_tool for tool in page)
        token = page.pagination_token
        if token is None:
            break
    return found


_FAILURES = (MCPClientInitializationError, MCPError, httpx2.HTTPError, OSError, ExceptionGroup, AgentError)

_HINTS: Mapping[str, str] = {
    "401": "The gateway wants a bearer token: set SKERRY_GATEWAY_AUTH=bearer and the client's settings.",
    "403": "The gateway refuses this identity: check its authorizer type and the role or audience.",
    "404": "There is no such gateway: check SKERRY_GATEWAY_URL.",
    "406": "The gateway wants Accept: application/json, text/event-stream.",
}


def fitting(name: str) -> str:
    """A tool name that Bedrock takes: the name itself, or a shortened one with a hash of it at its end."""
    if len(name) <= MAX_NAME and not _UNFIT.search(name):
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{_UNFIT.sub('_', name)[: MAX_NAME - 9]}_{mark}"


def names(tools: Sequence[MCPAgentTool]) -> dict[str, str]:
    """From the names that the model knows to the gateway's own."""
    return {tool.tool_name: tool.mcp_tool.name for tool in tools}
