"""The agent's connection to its Gateway: MCP over streamable HTTP, proved per caller.

A connection belongs to one session and one caller. Each of its requests is proved anew, with a fresh
signature or the current token, and carries the context headers of the invocation that makes it; these
are added after signing and stay unsigned.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Protocol

import httpx2
from mcp.client.session import ElicitationFnT
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from strands.tools.mcp import MCPAgentTool, MCPClient
from strands.types.exceptions import MCPClientInitializationError

from skerry.agent.errors import AgentError, innermost
from skerry.agent.identity import Caller

MAX_NAME = 64  # Bedrock's ToolName
MAX_TOOLS = 2000
MAX_BODY = 2000

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

    `context` is replaced at the start of every invocation.
    """

    requires_request_body = True

    def __init__(self, proof: Proof | None) -> None:
        self.proof = proof
        self.context: Mapping[str, str] = {}
        self.refusal = ""

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        if self.proof is not None:
            request.headers.update(await self.proof.headers(request))
        request.headers.update(self.context)
        response = yield request
        if response.status_code >= 400:
            body = (await response.aread())[:MAX_BODY].decode("utf-8", errors="replace")
            self.refusal = f"HTTP {response.status_code} {' '.join(body.split())}".strip()


class Connection:
    """One MCP connection. `elicited` answers the servers' own questions."""

    def __init__(
        self, url: str, auth: GatewayAuth, *, elicited: ElicitationFnT, tool_time: float = 120.0
    ) -> None:
        self.auth = auth
        self._url = url
        self._tool_time = timedelta(seconds=tool_time)
        self._elicited = elicited
        self._client: MCPClient | None = None

    async def ready(self, caller: Caller, headers: Mapping[str, str]) -> list[MCPAgentTool]:
        """The tools, for an invocation of `caller` whose requests carry `headers`.

        Raises AgentError: CONFIGURATION_ERROR, GATEWAY_ERROR.
        """
        if self.auth.proof is not None:
            await self.auth.proof.prepare(caller)
        self.auth.context = headers
        return await self.tools()

    async def tools(self) -> list[MCPAgentTool]:
        """The gateway's tools as they are now, over the kept connection or, if it is gone, a new one.

        Raises AgentError GATEWAY_ERROR with the gateway's own words.
        """
        if self._client is not None:
            try:
                return await asyncio.to_thread(self._list)
            except (*_FAILURES, RuntimeError):
                await self.close()
        try:
            await self._open()
            return await asyncio.to_thread(self._list)
        except _FAILURES as error:
            await self.close()
            raise self._problem(error) from error

    async def close(self) -> None:
        """Ends the connection; the next listing opens a new one."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(RuntimeError):  # Strands reports here that the other side had closed already
                await asyncio.to_thread(client.stop, None, None, None)

    async def _open(self) -> None:
        self.auth.refusal = ""
        client = MCPClient(
            self._transport,
            elicitation_callback=self._elicited,
            application_name="skerry-agent",
            startup_timeout=30,
        )
        await asyncio.to_thread(client.start)
        self._client = client

    def _transport(self) -> AbstractAsyncContextManager[Any]:
        @asynccontextmanager
        async def streams() -> AsyncIterator[Any]:
            timeout = httpx2.Timeout(10, read=self._tool_time.total_seconds(), pool=None)
            async with (
                httpx2.AsyncClient(auth=self.auth, timeout=timeout, follow_redirects=False) as http,
                streamable_http_client(self._url, http_client=http) as pair,
            ):
                yield pair

        return streams()

    def _list(self) -> list[MCPAgentTool]:
        assert self._client is not None
        found: list[MCPAgentTool] = []
        token: str | None = None
        while len(found) < MAX_TOOLS:
            page = self._client.list_tools_sync(token)
            found.extend(page)
            token = page.pagination_token
            if token is None:
                break
        return [
            MCPAgentTool(tool.mcp_tool, self._client, fitting(tool.mcp_tool.name), self._tool_time)
            for tool in found
        ]

    def _problem(self, error: BaseException) -> AgentError:
        cause = innermost(error)
        if isinstance(cause, AgentError):
            return cause
        text = self.auth.refusal or str(cause) or type(cause).__name__
        status = self.auth.refusal[5:8]
        hint = _HINTS.get(status, "" if status else "Is SKERRY_GATEWAY_URL right, and does the gateway run?")
        return AgentError("GATEWAY_ERROR", f"the gateway at {self._url} gives no tools: {text}.", hint=hint)


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
