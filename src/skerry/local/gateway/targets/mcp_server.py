"""MCP server targets: tool calls relayed to any Streamable HTTP MCP server, also one in an AgentCore Runtime.

Results are carried as bytes where client and server are of one era; `answers` translates the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from skerry.local.gateway import propagation
from skerry.local.gateway.messages import (
    McpError,
    Relayed,
    Request,
    Result,
    failure,
    framed,
    refused,
    server_info,
    tool_error,
)
from skerry.local.gateway.outbound import Outbound
from skerry.local.gateway.outgoing import Outgoing, TargetError
from skerry.local.gateway.schemas import tool_list
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.gateway.targets import answers
from skerry.local.gateway.targets.base import Listing
from skerry.local.gateway.targets.dialogue import Ask, Dialogue, Session
from skerry.local.gateway.tools import MAX_PER_TARGET, Item, by_uri, prefixed
from skerry.local.ports import Caller, Clock, Record
from skerry.local.upstream import Reply
from skerry.wire import eras, jsonrpc, sse
from skerry.wire.headers import MCP_PARAM_PREFIX, value_problem
from skerry.wire.jsonrpc import Envelope
from skerry.wire.param_headers import param_headers

_GATEWAY = "gateway"
_MAX_PAGES = 100


class McpServerTarget:
    """An MCP server behind a URL."""

    def __init__(
        self,
        record: Record,
        configuration: Mapping[str, Any],
        outbound: Outbound,
        clock: Clock,
        settings: GatewaySettings,
    ) -> None:
        self.record = record
        self.dynamic = configuration.get("listingMode") == "DYNAMIC"
        self._name = str(record["name"])
        self._endpoint = str(configuration.get("endpoint", ""))
        self._static = configuration.get("mcpToolSchema")
        self._settings = settings
        self._outbound = outbound
        self._dialogue = Dialogue(
            outbound, clock, payload=settings.payload, limit=settings.sessions, idle=settings.session_idle
        )

    async def listing(self, gateway: Record, caller: Caller | None) -> Listing:
        """Tools, prompts, resources and templates; the last three only from a server that has them."""
        if self._static is not None:
            static = tool_list.mcp_tools(await self._outbound.schemas.text(self._static))
            return Listing(tools=prefixed(self._name, static))
        ask = Ask(
            method="tools/list",
            params={},
            base=Outgoing(
                gateway=gateway,
                target=self.record,
                url=self._endpoint,
                body=b"",
                headers={},
                caller=caller,
            ),
            identity=_identity(caller),
            repeatable=True,
        )
        capabilities = await self._dialogue.capabilities(ask)
        tools = prefixed(self._name, await self._all(ask, "tools/list", "tools"))
        if "prompts" not in capabilities and "resources" not in capabilities:
            return Listing(tools=tools)
        prompts = await self._all(ask, "prompts/list", "prompts") if "prompts" in capabilities else ()
        has_resources = "resources" in capabilities
        resources = await self._all(ask, "resources/list", "resources") if has_resources else ()
        templates = (
            await self._all(ask, "resources/templates/list", "resourceTemplates") if has_resources else ()
        )
        return Listing(
            tools, prefixed(self._name, prompts), by_uri(resources, "uri"), by_uri(templates, "uriTemplate")
        )

    async def call(self, request: Request, item: Item) -> Result | Relayed:
        """Relays `tools/call`."""
        ask = self._ask(request, item, "name")
        if request.streams:
            return await self._streamed(request, ask)
        answer, reply, session = await self._dialogue.request(ask)
        return self._answered(request, answer, reply, session)

    async def relay(self, request: Request, item: Item) -> Relayed:
        """Relays `prompts/get` and `resources/read`."""
        member = eras.NAME_MEMBER[request.message.method]
        answer, reply, session = await self._dialogue.request(self._ask(request, item, member))
        answered = self._answered(request, answer, reply, session)
        if isinstance(answered, Result):
            raise McpError(jsonrpc.INTERNAL_ERROR, answers.ELICITATION)
        return answered

    async def close(self) -> None:
        """Forgets era and sessions."""
        self._dialogue.forget_era()

    def _ask(self, request: Request, item: Item, member: str) -> Ask:
        method = request.message.method
        url = self._endpoint
        if query := propagation.query_parameters(request.query, self.record):
            url = f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"
        base = Outgoing(
            gateway=request.gateway,
            target=self.record,
            url=url,
            body=b"",
            headers={},
            propagated=propagation.request_headers(request.headers, self.record, request.injected),
            trace=propagation.trace_headers(request.headers),
            dropped=propagation.dropped_headers(request.headers, self.record, request.injected),
            authorization=request.authorization,
            caller=request.caller,
            session=request.session,
            tool=item.public if method == "tools/call" else "",
        )
        return Ask(
            method=method,
            params={**request.params, member: item.name},
            base=base,
            identity=_identity(request.caller),
            modern=request.modern,
            mirrored=_mirrored(request, item),
            repeatable=method != "tools/call" or item.repeatable,
        )

    async def _all(self, ask: Ask, method: str, member: str) -> list[Mapping[str, Any]]:
        """Every item of a paginated list."""
        items: list[Mapping[str, Any]] = []
        params: dict[str, Any] = {}
        seen: set[str] = set()
        for _ in range(_MAX_PAGES):
            answer, _, _ = await self._dialogue.request(replace(ask, method=method, params=params))
            result = answer.result
            if not isinstance(result, dict) or not isinstance(result.get(member), list):
                said = str((answer.error or {}).get("message", "no list"))[:200]
                raise TargetError(f"The target does not answer {method}: {said}")
            items += [item for item in result[member] if isinstance(item, dict)]
            cursor = result.get("nextCursor")
            if not isinstance(cursor, str) or cursor in seen or len(items) >= MAX_PER_TARGET:
                break
            seen.add(cursor)
            params = {"cursor": cursor}
        return items

    async def _streamed(self, request: Request, ask: Ask) -> Result | Relayed:
        """Like a plain call; but what arrives as an event stream is passed on as it comes."""
        async with AsyncExitStack() as stack:
            reply, session = await stack.enter_async_context(self._dialogue.open(ask))
            if reply.header("content-type").lower().startswith("text/event-stream"):
                headers = propagation.response_headers(reply.headers, self.record)
                events = self._events(request, ask, stack.pop_all(), reply, session)
                return Relayed(stream=events, headers=headers)
            async for message in self._dialogue.messages(ask, reply, session):
                if message.kind == "response":
                    return self._answered(request, message, reply, session)
        raise TargetError("The target ended its answer without a response.")

    async def _events(
        self, request: Request, ask: Ask, opened: AsyncExitStack, reply: Reply, session: Session
    ) -> AsyncGenerator[bytes, None]:
        table, limit = self._settings.assumptions, self._settings.call
        async with opened:
            try:
                async with asyncio.timeout(limit):
                    async for message in self._dialogue.messages(ask, reply, session):
                        body = message.body
                        if message.kind == "response":
                            body = self._final(request, message, reply, session)
                        yield sse.encode(body, event="message")
            except (TargetError, TimeoutError) as problem:
                text = f"The target did not end its answer within {limit:g} s."
                known = problem if isinstance(problem, TargetError) else TargetError(text)
                yield sse.encode(framed(request, failure(request, known, table), table), event="message")
            except McpError as problem:
                yield sse.encode(refused(request.message, request.era, problem)[1], event="message")

    def _final(self, request: Request, answer: Envelope, reply: Reply, session: Session) -> bytes:
        answered = self._answered(request, answer, reply, session)
        if isinstance(answered, Relayed):
            return answered.body
        return framed(request, answered, self._settings.assumptions)

    def _answered(
        self, request: Request, answer: Envelope, reply: Reply, session: Session
    ) -> Result | Relayed:
        problem = answers.unanswerable(request, answer, session.era)
        if problem is not None:
            return tool_error(problem)
        headers = propagation.response_headers(reply.headers, self.record)
        body = answers.translated(request, answer, session.era, server_info(self._settings.assumptions))
        return Relayed(body, answers.status(request, answer), headers)


def _identity(caller: Caller | None) -> str:
    """Whose session at the server a request belongs to."""
    if caller is None:
        return _GATEWAY
    return f"{caller.kind} {caller.name} {caller.claims.get('client_id', '')}"


def _mirrored(request: Request, item: Item) -> dict[str, str]:
    """The `Mcp-Param-*` headers: a modern client's own, else what the tool's schema asks for."""
    if request.modern:
        prefix = MCP_PARAM_PREFIX.lower()
        return {
            name: value
            for name, value in request.headers
            if name.startswith(prefix) and value_problem(value) is None
        }
    if request.message.method != "tools/call" or not item.mirrors:
        return {}
    return param_headers(item.schema, request.params.get("arguments"))
