"""One MCP server as the gateway speaks to it: its era, its sessions, one request and its answer.

The era is found once: `server/discover` first, else `initialize` (MCP 2026-07-28, "finding the era"). A
legacy server that keeps sessions gets one per identity that the gateway serves, never shared. A modern
server that hands out `Mcp-Session-Id` all the same, as AgentCore Runtime does, is shown it again, so that
the calls of one identity reach the same runtime session.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from skerry.errors import ProtocolError
from skerry.local.gateway.outbound import Outbound
from skerry.local.gateway.outgoing import Outgoing, TargetError
from skerry.local.ports import Clock
from skerry.local.upstream import Reply
from skerry.wire import eras, jsonrpc, sse
from skerry.wire.headers import MCP_SESSION_ID, encode_value
from skerry.wire.jsonrpc import Envelope

CLIENT = {"name": "agentcore-gateway", "version": "1.0.0"}
_LEGACY = eras.LEGACY_VERSIONS[-1]
_MODERN = eras.MODERN_VERSIONS[-1]
_RUNTIME_CLIENT_ERROR = -32010


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request for the server.

    `params` are in the era of the client that asks, `modern` says which. `base` carries everything of the
    outbound request but its body and MCP headers. `identity` is whose session it belongs to. `mirrored` are
    the `Mcp-Param-*` headers. `repeatable` allows it to be sent twice.
    """

    method: str
    params: Mapping[str, Any] = field(repr=False)
    base: Outgoing
    identity: str
    modern: bool = False
    mirrored: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """What the server and one identity agreed on: era, revision, session id if any, capabilities."""

    era: eras.Era
    version: str
    id: str = ""
    capabilities: Mapping[str, Any] = field(default_factory=dict)


class _NotModernError(Exception):
    """The server did not understand `server/discover`."""


@dataclass(slots=True)
class _Slot:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    session: Session | None = None
    used: float = 0.0


class Dialogue:
    """The conversations with one server. `limit` bounds the sessions, `idle` their unused life in seconds."""

    def __init__(self, outbound: Outbound, clock: Clock, *, payload: int, limit: int, idle: float) -> None:
        self._outbound = outbound
        self._clock = clock
        self._payload = payload
        self._limit = limit
        self._idle = idle
        self._ids = itertools.count(1)
        self._known: Session | None = None
        self._finding = asyncio.Lock()
        self._slots: OrderedDict[str, _Slot] = OrderedDict()

    async def capabilities(self, ask: Ask) -> Mapping[str, Any]:
        """What the server says it can do."""
        return (await self._session(ask)).capabilities

    @asynccontextmanager
    async def open(self, ask: Ask) -> AsyncIterator[tuple[Reply, Session]]:
        """The answer to `ask` with its body still to come, and the session that it belongs to.

        A session that the server has forgotten is opened anew and the request sent again, once: the 404
        says that it was not run. Raises TargetError when there is no answer, or one that refuses the
        gateway's credentials.
        """
        session = await self._session(ask)
        async with self._send(ask, session) as reply:
            if not (reply.status == 404 and session.id):
                yield reply, session
                return
        self._forget(ask.identity, session)
        session = await self._session(ask)
        async with self._send(ask, session) as reply:
            yield reply, session

    async def request(self, ask: Ask) -> tuple[Envelope, Reply, Session]:
        """The final answer to `ask`; notifications on the way are dropped. Raises TargetError."""
        try:
            answer, reply, session = await self._once(ask)
        except TargetError as problem:
            if not (problem.lost and ask.repeatable):
                raise
            return await self._once(ask)
        if _runtime_lost_session(answer, session):
            self._forget(ask.identity, session)
            if ask.repeatable:
                return await self._once(ask)
        if _wrong_era(answer, reply, session):
            self.forget_era()
        return answer, reply, session

    async def messages(self, ask: Ask, reply: Reply, session: Session) -> AsyncIterator[Envelope]:
        """Every notification and at last the answer; a request of the server is refused, a ping answered.

        Raises TargetError when the stream ends without an answer or is no MCP.
        """
        if reply.status in (401, 403):
            raise TargetError(_refusal(reply.status, await reply.read(self._payload)))
        try:
            async for message in _read(reply, self._payload):
                if message.kind == "request":
                    await self._refuse(ask, session, message)
                    continue
                yield message
                if message.kind == "response":
                    return
        except ProtocolError as problem:
            text = f"The target does not speak MCP (HTTP {reply.status}): {problem.message}"
            raise TargetError(text) from problem
        raise TargetError(_without_answer(reply))

    def forget_era(self) -> None:
        """The next request finds the era again."""
        self._known = None
        self._slots.clear()

    async def _once(self, ask: Ask) -> tuple[Envelope, Reply, Session]:
        async with self.open(ask) as (reply, session):
            async for message in self.messages(ask, reply, session):
                if message.kind == "response":
                    await reply.drain(0.05)
                    return message, reply, session
        raise TargetError(_without_answer(reply))

    def _send(self, ask: Ask, session: Session) -> AbstractAsyncContextManager[Reply]:
        return self._outbound.exchange(self._outgoing(ask, session))

    def _outgoing(self, ask: Ask, session: Session) -> Outgoing:
        headers = {
            **ask.base.headers,
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": session.version,
        }
        if session.id:
            headers[MCP_SESSION_ID.lower()] = session.id
        params: Mapping[str, Any] = ask.params
        if session.era == "modern":
            headers["mcp-method"] = ask.method
            member = eras.NAME_MEMBER.get(ask.method)
            if member is not None and isinstance(name := params.get(member), str):
                headers["mcp-name"] = encode_value(name)
            headers.update((name.lower(), value) for name, value in ask.mirrored.items())
            if not ask.modern:
                params = eras.with_meta(params, version=session.version, capabilities={}, client_info=CLIENT)
        elif ask.modern:
            params = eras.without_meta(params)
        body = jsonrpc.request(next(self._ids), ask.method, params)
        return replace(ask.base, operation=f"→ MCP {ask.method}", body=body, headers=headers)

    async def _session(self, ask: Ask) -> Session:
        """The session of the identity, opened if there is none."""
        known = self._known
        if known is not None and not known.id:
            return known  # without sessions everybody is served alike
        now = self._clock.monotonic()
        slot = self._slots.setdefault(ask.identity, _Slot())
        self._slots.move_to_end(ask.identity)
        while len(self._slots) > self._limit:
            self._slots.popitem(last=False)
        async with slot.lock:
            if slot.session is None or now - slot.used > self._idle:
                slot.session = await self._greet(ask)
            slot.used = now
            return slot.session

    async def _greet(self, ask: Ask) -> Session:
        """Finds the era when it is not known, and opens a session in it."""
        if self._era() is None:
            async with self._finding:
                if self._era() is None:
                    self._known = session = await self._find(ask)
                    return session
        return await (self._discover(ask) if self._era() == "modern" else self._initialize(ask))

    def _era(self) -> eras.Era | None:
        return self._known.era if self._known is not None else None

    async def _find(self, ask: Ask) -> Session:
        try:
            return await self._discover(ask)
        except _NotModernError:
            return await self._initialize(ask)

    async def _discover(self, ask: Ask) -> Session:
        hello = replace(ask, method="server/discover", params={}, modern=False, mirrored={})
        async with self._send(hello, Session("modern", _MODERN)) as reply:
            answer = await self._hello(reply)
        result = answer.result if isinstance(answer.result, dict) else None
        versions = (result or {}).get("supportedVersions")
        if result is None or not isinstance(versions, list) or _MODERN not in versions:
            raise _NotModernError
        return Session("modern", _MODERN, reply.header(MCP_SESSION_ID), _capabilities(result))

    async def _initialize(self, ask: Ask) -> Session:
        params = {"protocolVersion": _LEGACY, "capabilities": {}, "clientInfo": CLIENT}
        hello = replace(ask, method="initialize", params=params, modern=False, mirrored={})
        async with self._send(hello, Session("legacy", _LEGACY)) as reply:
            try:
                answer = await self._hello(reply)
            except _NotModernError as problem:
                raise TargetError(_without_answer(reply)) from problem
        if answer.error is not None:
            raise TargetError(f"The target refused to initialize: {_shown(answer.error)}")
        result = answer.result
        version = result.get("protocolVersion") if isinstance(result, dict) else None
        if not isinstance(result, dict) or version not in eras.LEGACY_VERSIONS:
            raise TargetError("The target speaks no revision of MCP that this gateway knows.")
        session = Session("legacy", version, reply.header(MCP_SESSION_ID), _capabilities(result))
        done = "notifications/initialized"
        await self._notify(replace(hello, method=done), session, jsonrpc.notification(done))
        return session

    async def _hello(self, reply: Reply) -> Envelope:
        """The answer to a greeting. Raises _NotModernError when the server does not know what it is asked."""
        if reply.status in (401, 403) or reply.status == 424 or reply.status >= 500:
            raise TargetError(_refusal(reply.status, await reply.read(self._payload)))
        try:
            async for message in _read(reply, self._payload):
                if message.kind == "response":
                    await reply.drain(0.05)
                    return message
        except ProtocolError as problem:
            raise _NotModernError from problem
        raise _NotModernError

    async def _refuse(self, ask: Ask, session: Session, message: Envelope) -> None:
        if message.method == "ping":
            body = jsonrpc.response(message.raw_id, {})
        else:
            text = f"{message.method} needs a client that declared it; this gateway keeps no such stream."
            body = jsonrpc.error(message.raw_id, jsonrpc.METHOD_NOT_FOUND, text)
        await self._notify(replace(ask, method=f"answer to {message.method}"), session, body)

    async def _notify(self, ask: Ask, session: Session, body: bytes) -> None:
        """Sends a message that has no answer; the method of `ask` is what the hop shows."""
        call = self._outgoing(replace(ask, params={}, mirrored={}), session)
        async with self._outbound.exchange(replace(call, body=body)) as reply:
            await reply.read(self._payload)

    def _forget(self, identity: str, session: Session) -> None:
        slot = self._slots.get(identity)
        if slot is not None and slot.session is session:
            slot.session = None


async def _read(reply: Reply, limit: int) -> AsyncIterator[Envelope]:
    """The messages of an answer, a JSON body or an event stream. Raises ProtocolError."""
    if not _is_stream(reply):
        body = await reply.read(limit)
        if body:
            yield jsonrpc.parse(body, max_size=limit)
        return
    decoder = sse.Decoder(max_event=limit)
    while piece := await reply.chunk():
        for event in decoder.feed(piece):
            if event.event == "message" and event.data:
                yield jsonrpc.parse(event.data, max_size=limit)


def _is_stream(reply: Reply) -> bool:
    return reply.header("content-type").lower().startswith("text/event-stream")


def _capabilities(result: Mapping[str, Any]) -> Mapping[str, Any]:
    capabilities = result.get("capabilities")
    return capabilities if isinstance(capabilities, dict) else {}


def _wrong_era(answer: Envelope, reply: Reply, session: Session) -> bool:
    """Whether the server is another one than was found: it refuses the revision, or wants a session."""
    code = (answer.error or {}).get("code")
    if code == eras.UNSUPPORTED_VERSION:
        return True
    return session.era == "modern" and reply.status == 400 and code == jsonrpc.INVALID_REQUEST


def _runtime_lost_session(answer: Envelope, session: Session) -> bool:
    """Whether a runtime says, inside a 200, that its server answered 404: the session is gone there."""
    problem = answer.error or {}
    return (
        session.era == "legacy"
        and bool(session.id)
        and problem.get("code") == _RUNTIME_CLIENT_ERROR
        and "(404)" in str(problem.get("message"))
    )


def _without_answer(reply: Reply) -> str:
    return f"The target ended its answer (HTTP {reply.status}) without a response."


def _refusal(status: int, body: bytes) -> str:
    """What a refusal says, for people: the message of a JSON-RPC or AWS error, if it is one."""
    said = ""
    try:
        value = json.loads(body[:100_000])
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        inner = value.get("error")
        found = inner.get("message") if isinstance(inner, dict) else value.get("message")
        said = f": {found[:500]}" if isinstance(found, str) else ""
    if status in (401, 403):
        return f"The target refused the gateway's credentials (HTTP {status}){said}"
    return f"The target answered HTTP {status}{said}"


def _shown(problem: Mapping[str, Any]) -> str:
    return f"{str(problem.get('message'))[:500]} ({problem.get('code')})"
