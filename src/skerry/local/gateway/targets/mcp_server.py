"""MCP server targets: tool calls relayed to any Streamable HTTP MCP server, also one in an AgentCore Runtime.

Results are carried as bytes where client and server are of one era; `answers` translates the others.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

from skerry.local.gateway import propagation
from skerry.local.gateway.client_session import ClientSession
from skerry.local.gateway.messages import (
    McpError,
    Relayed,
    Request,
    Result,
    failure,
    framed,
    refused,
    server_info,
    target_failure,
    tool_error,
    unknown_tool,
)
from skerry.local.gateway.outbound import Outbound
from skerry.local.gateway.outgoing import Outgoing, TargetError
from skerry.local.gateway.schemas import tool_list
from skerry.local.gateway.sessions import TOOLS_CHANGED
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.gateway.targets import answers, from_client
from skerry.local.gateway.targets.asks import CLIENT, Ask
from skerry.local.gateway.targets.base import Listing
from skerry.local.gateway.targets.completions import Completions
from skerry.local.gateway.targets.conversation import Conversation, UnheardError
from skerry.local.gateway.targets.dialogue import Dialogue, NotOfferedError
from skerry.local.gateway.targets.questions import Faces, ModernPeer, SessionInterview
from skerry.local.gateway.targets.replies import is_stream
from skerry.local.gateway.tools import MAX_PER_TARGET, Item, by_uri, prefixed
from skerry.local.http.upstream import Reply
from skerry.local.ports.callers import Caller
from skerry.local.ports.resources import Record
from skerry.local.ports.running import Clock
from skerry.relay.faces.rounds import Patience, Rounds
from skerry.relay.faces.translation import LegacyClient
from skerry.relay.ports import RelayError
from skerry.relay.splice import splice
from skerry.wire import eras, jsonrpc, sse
from skerry.wire.jsonrpc import Envelope

Outcome = Result | Relayed
Work = Callable[[Request, Ask, Conversation[Outcome]], Coroutine[Any, Any, Outcome]]
LOG_LEVEL = "info"
"""What a legacy client gets of a modern server's log: it has not said, and is used to some."""
LOG = logging.getLogger("skerry.gateway")
_PAUSES = (1.0, 5.0, 30.0)
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
        self._faces = Faces(self._dialogue, clock, settings)
        self._completions = Completions(self._dialogue)
        self._clock = clock
        self._ids = itertools.count(1)
        self._mirroring: dict[str, Item] | None = None

    async def listing(self, gateway: Record, caller: Caller | None) -> Listing:
        """Tools, prompts, resources and templates; the last three only from a server that has them.

        Raises TargetError for a server that does not declare tools, unless it is asked for each caller:
        AWS synchronises none without that capability.
        """
        if self._static is not None:
            static = tool_list.mcp_tools(await self._outbound.schemas.text(self._static))
            return Listing(tools=prefixed(self._name, static))
        ask = self._standing("tools/list", gateway, caller)
        capabilities = await self._dialogue.capabilities(ask)
        if "tools" not in capabilities and not self.dynamic:
            raise TargetError(
                "The MCP server does not declare the tools capability, which a target must have.",
                hint="Let it have tools, or use listingMode DYNAMIC.",
            )
        tools = prefixed(self._name, await self._all(ask, "tools/list", "tools"))
        self._mirroring = {name: item for name, item in tools.items() if item.mirrors}
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

    def refusal(self, request: Request, item: Item) -> None:
        """The server itself says what is wrong."""

    async def call(self, request: Request, item: Item) -> Result | Relayed:
        """Relays `tools/call`.

        Who calls a dynamic target knows its tools; the gateway knows those whose arguments are headers too.
        """
        if self.dynamic and not request.modern:
            if self._mirroring is None:
                await self.listing(request.gateway, request.caller)
            item = (self._mirroring or {}).get(item.name, item)
            if item.flaw is not None:  # its headers cannot be made, so it was not listed either
                raise unknown_tool(item.public, self._settings.assumptions)
        return await self._served(request, self._ask(request, item, "name"))

    async def relay(self, request: Request, item: Item) -> Relayed:
        """Relays `prompts/get` and `resources/read`."""
        member = eras.NAME_MEMBER[request.message.method]
        answered = await self._served(request, self._ask(request, item, member))
        if isinstance(answered, Result):
            raise McpError(jsonrpc.INTERNAL_ERROR, answers.ELICITATION)
        return answered

    async def follow(
        self, gateway: Record, caller: Caller, client: ClientSession | None, tell: Callable[[], None]
    ) -> None:
        """Keeps a subscription or GET stream open at the server, as long as it has one."""
        standing = self._standing("subscriptions/listen", gateway, caller)
        wanted = {"notifications": {"toolsListChanged": True}}
        ask = replace(standing, params=wanted, identity=from_client.identity(caller, client))
        for pause in itertools.chain(_PAUSES, itertools.repeat(_PAUSES[-1])):
            try:
                async with aclosing(self._dialogue.changes(ask)) as messages:
                    async for message in messages:
                        if message.method == TOOLS_CHANGED.method:
                            tell()
            except NotOfferedError as problem:
                LOG.info("target %s: %s", self._name, problem.message)
                return
            except TargetError as problem:
                LOG.info("target %s: the stream for changes is lost: %s", self._name, problem.message)
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Ends the sessions at the server, and forgets its era."""
        await self._completions.close()
        await self._faces.close()
        await self._dialogue.close()

    async def _left(self, gateway: Record, caller: Caller, identity: str) -> None:
        """A client's session is over, and with it the one at the server."""
        ask = self._standing("end session", gateway, caller)
        await self._dialogue.leave(replace(ask, identity=identity))

    async def _served(self, request: Request, ask: Ask) -> Result | Relayed:
        """The answer by the road that the eras and capabilities of both sides ask for."""
        work: Work = self._passed
        if request.modern:
            if from_client.wants_face(request) and await self._dialogue.era(ask) == "legacy":
                work = self._parked
        elif request.client is not None:
            request.client.on_end(self, partial(self._left, request.gateway, request.caller, ask.identity))
            if from_client.can_be_asked(request) and await self._dialogue.era(ask) == "modern":
                work = self._asked
        if work == self._passed and not request.streams:
            answer, reply, session = await self._dialogue.request(ask)
            if request.client is not None and session.era == "legacy":
                self._completions.expect(ask, answer, request.client)
            return self._answered(request, answer, reply, session.era)
        return await self._conversed(request, ask, work)

    async def _conversed(self, request: Request, ask: Ask, work: Work) -> Result | Relayed:
        """The answer alone when nothing is said before it, else an event stream."""
        limit = self._settings.call

        async def bounded(conversation: Conversation[Outcome]) -> Outcome:
            try:
                async with asyncio.timeout(limit):
                    return await work(request, ask, conversation)
            except TimeoutError as problem:
                raise TargetError(f"The target did not end its answer within {limit:g} s.") from problem

        conversation = Conversation(bounded, streams=request.streams)
        try:
            if not await conversation.opened(self._settings.keep_alive):
                return conversation.answer()
        except asyncio.CancelledError:
            await conversation.close()
            raise
        return Relayed(stream=self._events(request, conversation), headers=conversation.headers)

    async def _events(
        self, request: Request, conversation: Conversation[Outcome]
    ) -> AsyncGenerator[bytes, None]:
        try:
            while (said := await conversation.heard(self._settings.keep_alive)) is not None:
                yield sse.comment() if said == "quiet" else sse.encode(said.body, event="message")
            yield sse.encode(self._last(request, conversation), event="message")
        finally:
            await conversation.close()

    def _last(self, request: Request, conversation: Conversation[Outcome]) -> bytes:
        """The last event of a stream: the answer, or what is told instead of one."""
        table = self._settings.assumptions
        try:
            answered = conversation.answer()
            if isinstance(answered, Relayed):
                return answered.body
            if request.message.method == "tools/call":
                return framed(request, answered, table)
            problem = McpError(jsonrpc.INTERNAL_ERROR, answers.ELICITATION)
        except TargetError as failed:
            if request.message.method == "tools/call" and not failed.asked:
                return framed(request, failure(request, failed, table), table)
            problem = target_failure(request, failed, table)
        except McpError as failed:
            problem = failed
        return refused(request.message, request.era, problem)[1]

    # ── the roads ───────────────────────────────────────────────────────────────────────────────

    async def _passed(self, request: Request, ask: Ask, conversation: Conversation[Outcome]) -> Outcome:
        """What arrives as an event stream is passed on as it comes; a legacy client may be asked on it."""
        client = request.client
        if client is not None and client.capabilities:
            interview = SessionInterview(client, request.message.id, conversation.emit)
            ask = replace(ask, interview=interview)
        async with (
            self._dialogue.open(ask) as (reply, session),
            aclosing(self._dialogue.messages(ask, reply, session)) as messages,
        ):
            conversation.headers = propagation.response_headers(reply.headers, self.record)
            if is_stream(reply) and not (request.modern and session.era == "legacy"):
                conversation.begin()  # the others may still have an answer with another status
            async for message in messages:
                if message.kind == "response":
                    await reply.drain(0.05)
                    self._dialogue.settled(ask, message, reply, session)
                    if client is not None and session.era == "legacy":
                        self._completions.expect(ask, message, client)
                    break
                said = answers.said(request, message, session.era, dynamic=self.dynamic)
                if said is not None:
                    await conversation.emit(said)
        return self._answered(request, message, reply, session.era)

    async def _asked(self, request: Request, ask: Ask, conversation: Conversation[Outcome]) -> Outcome:
        """A modern server in front of a legacy client: `input_required` becomes questions on its stream."""
        client = request.client
        assert client is not None
        peer = ModernPeer(self._dialogue, ask)
        rounds = Rounds(
            peer,
            client.questions,
            self._id,
            patience=Patience(),
            clock=self._clock,
            pause=asyncio.sleep,
            sent=client.kept(self, OrderedDict),
        )
        legacy = LegacyClient(eras.MODERN_VERSIONS[-1], client.capabilities, CLIENT, LOG_LEVEL)
        try:
            response = await rounds.call(from_client.own(request, ask), legacy, conversation.emit)
        except UnheardError:
            return tool_error(answers.ELICITATION)
        except RelayError as problem:
            raise TargetError(problem.message, hint=problem.hint) from problem
        return self._framed(request, response, peer.reply)

    async def _parked(self, request: Request, ask: Ask, conversation: Conversation[Outcome]) -> Outcome:
        """A legacy server in front of a modern client: its questions become `input_required`."""
        response, reply = await self._faces.call(from_client.own(request, ask), ask, conversation.emit)
        if isinstance(response.result, dict):
            info = server_info(self._settings.assumptions)
            meta = {**(response.result.get("_meta") or {}), eras.META_SERVER_INFO: info}
            response = replace(
                response, body=splice(response.body, "result", response.result, {"_meta": meta})
            )
        return self._framed(request, response, reply)

    def _framed(self, request: Request, response: Envelope, reply: Reply | None) -> Relayed:
        headers = propagation.response_headers(reply.headers, self.record) if reply is not None else ()
        return Relayed(response.body, answers.status(request, response), headers)

    def _id(self) -> str:
        return f"gateway-{next(self._ids)}"

    def _standing(self, method: str, gateway: Record, caller: Caller | None) -> Ask:
        """A request that belongs to no request of a client."""
        base = Outgoing(
            gateway=gateway, target=self.record, url=self._endpoint, body=b"", headers={}, caller=caller
        )
        return Ask(
            method=method, params={}, base=base, identity=from_client.identity(caller), repeatable=True
        )

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
            identity=from_client.identity(request.caller, request.client),
            modern=request.modern,
            capabilities=from_client.declared(request),
            log_level=LOG_LEVEL if request.streams else None,
            mirrored=from_client.mirrored(request, item),
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

    def _answered(self, request: Request, answer: Envelope, reply: Reply, era: eras.Era) -> Result | Relayed:
        problem = answers.unanswerable(request, answer, era)
        if problem is not None:
            return tool_error(problem)
        headers = propagation.response_headers(reply.headers, self.record)
        body = answers.translated(request, answer, era, server_info(self._settings.assumptions))
        return Relayed(body, answers.status(request, answer), headers)
