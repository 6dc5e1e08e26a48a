"""One MCP server as the gateway speaks to it: its era, its sessions, one request and its answer.

The era is found once: `server/discover` first, else `initialize` (MCP 2026-07-28, "finding the era"). A
legacy server that keeps sessions gets one per identity that the gateway serves, never shared. A modern
server that hands out `Mcp-Session-Id` all the same, as AgentCore Runtime does, is shown it again, so that
the calls of one identity reach the same runtime session.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from skerry.errors import ProtocolError
from skerry.local.gateway.messages import McpError
from skerry.local.gateway.outbound import Outbound
from skerry.local.gateway.outgoing import TargetError
from skerry.local.gateway.targets import replies
from skerry.local.gateway.targets.asks import (
    CLIENT,
    FRESH,
    LEGACY,
    MODERN,
    Ask,
    Session,
    bodiless,
    carries_session,
    greeting,
    initialized,
    outgoing,
)
from skerry.local.gateway.targets.replies import Reading
from skerry.local.http.upstream import Reply, UpstreamError
from skerry.local.ports.running import Clock
from skerry.relay.faces.calls import Errands
from skerry.wire import eras, jsonrpc
from skerry.wire.headers import MCP_SESSION_ID
from skerry.wire.jsonrpc import Envelope, Id

_LISTENING = {"accept": "text/event-stream"}
_LONGEST_PAUSE = 30.0
_QUESTIONS = 32


class NotOfferedError(TargetError):
    """The server does not tell about changes."""


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
        self._errands = Errands()

    async def capabilities(self, ask: Ask) -> Mapping[str, Any]:
        """What the server says it can do."""
        return (await self._session(ask)).capabilities

    async def era(self, ask: Ask) -> eras.Era:
        """The era of the server; found with `ask` when it is not known yet."""
        return self._known.era if self._known is not None else (await self._session(ask)).era

    @asynccontextmanager
    async def open(self, ask: Ask) -> AsyncIterator[tuple[Reply, Session]]:
        """The answer to `ask` with its body still to come, and the session that it belongs to.

        A session that the server has forgotten is opened anew and the request sent again, once: the 404
        says that it was not run. A legacy server is told when nobody waits for the answer any more. Raises
        TargetError when there is no answer, or one that refuses the gateway's credentials.
        """
        session = await self._session(ask)
        identifier = next(self._ids)
        try:
            async with self.send(ask, session, identifier) as reply:
                if not (reply.status == 404 and session.id) or carries_session(ask):
                    yield reply, session
                    return
            self._forget(ask.identity, session)
            session = await self._session(ask)
            identifier = next(self._ids)
            async with self.send(ask, session, identifier) as reply:
                yield reply, session
        except (asyncio.CancelledError, McpError):
            if session.era == "legacy":
                self._errands.run(self.abandon(ask, session, identifier))
            raise

    async def request(self, ask: Ask) -> tuple[Envelope, Reply, Session]:
        """The final answer to `ask`; notifications on the way are dropped. Raises TargetError."""
        try:
            answer, reply, session = await self._once(ask)
        except TargetError as problem:
            if not (problem.lost and ask.repeatable):
                raise
            return await self._once(ask)
        if self.settled(ask, answer, reply, session):
            return answer, reply, session
        return await self._once(ask)

    def settled(self, ask: Ask, answer: Envelope, reply: Reply, session: Session) -> bool:
        """Draws the conclusions from an answer; False when the request should be sent once more."""
        if replies.wrong_era(answer, reply, session.era):
            self.forget_era()
        elif session.era == "legacy" and session.id and replies.runtime_lost_session(answer):
            self._forget(ask.identity, session)
            return not ask.repeatable
        return True

    async def messages(self, ask: Ask, reply: Reply, session: Session) -> AsyncGenerator[Envelope, None]:
        """Every notification and at last the answer; what the server asks is answered on the way.

        Raises TargetError when the stream ends without an answer or is no MCP, and McpError when the server
        asks a modern client for what it did not declare.
        """
        if reply.status in (401, 403):
            raise replies.refused(reply.status, await reply.read(self._payload))
        asked: dict[str | int | None, asyncio.Task[None]] = {}
        try:
            async with aclosing(self.read(ask, reply, session)) as messages:
                async for message in messages:
                    if message.kind == "request":
                        await self._asked(ask, session, message, asked)
                    elif message.method == eras.CANCELLED:  # names a question of the server
                        await _withdraw(ask, asked, message.params.get("requestId"))
                    elif message.kind == "response":
                        for identifier in list(asked):
                            await _withdraw(ask, asked, identifier)
                        yield message
                        return
                    else:
                        yield message
        except ProtocolError as problem:
            text = f"The target does not speak MCP (HTTP {reply.status}): {problem.message}"
            raise TargetError(text) from problem
        except UpstreamError as problem:
            if not asked:
                raise
            raise TargetError(problem.message, hint=problem.hint, asked=True) from problem
        finally:
            for task in asked.values():
                task.cancel()
        raise TargetError(replies.without_answer(reply), asked=bool(asked))

    async def read(self, ask: Ask, reply: Reply, session: Session) -> AsyncGenerator[Envelope, None]:
        """The messages of an answer. A stream of a legacy server that it let go of is resumed.

        Raises ProtocolError, UpstreamError, TargetError.
        """
        reading = Reading(reply, self._payload)
        async with aclosing(reading.messages()) as messages:
            async for message in messages:
                yield message
        while session.era == "legacy" and (last := reading.last_id):
            await asyncio.sleep(min(reading.retry, _LONGEST_PAUSE))
            headers = {**_LISTENING, "last-event-id": last}
            resume = replace(ask, method="resume")
            async with self._outbound.exchange(bodiless(resume, session, "GET", headers)) as again:
                if again.status != 200 or not replies.is_stream(again):
                    return
                reading = Reading(again, self._payload)
                async with aclosing(reading.messages()) as messages:
                    async for message in messages:
                        yield message
            if not reading.last_id:
                return

    async def changes(self, ask: Ask) -> AsyncGenerator[Envelope, None]:
        """What the server says outside of calls, until it ends the stream; `ask` is a `subscriptions/listen`.

        A legacy server says it on the GET stream of the session. Raises NotOfferedError when the server
        has no such stream, TargetError when it is lost.
        """
        session = await self._session(ask)
        if session.era == "modern":
            async with self.open(ask) as (reply, _), aclosing(self.messages(ask, reply, session)) as messages:
                async for message in messages:
                    if message.error is not None:
                        raise NotOfferedError(replies.shown(message.error))
                    yield message
            return
        listen = replace(ask, method="listen")
        async with self._outbound.exchange(bodiless(listen, session, "GET", _LISTENING)) as reply:
            if reply.status in (404, 405) or not replies.is_stream(reply):
                raise NotOfferedError(f"The target has no stream for changes (HTTP {reply.status}).")
            try:
                async with aclosing(self.read(listen, reply, session)) as messages:
                    async for message in messages:
                        if message.kind == "request":
                            await self._asked(listen, session, message, {})
                        yield message
            except ProtocolError as problem:
                raise NotOfferedError(problem.message) from problem

    def send(self, ask: Ask, session: Session, identifier: Id) -> AbstractAsyncContextManager[Reply]:
        """The answer to `ask` as it is, sent in this session under this id."""
        return self._outbound.exchange(outgoing(ask, session, identifier))

    async def notify(self, ask: Ask, session: Session, body: bytes) -> None:
        """Sends a message that has no answer; the method of `ask` is what the hop shows."""
        call = outgoing(replace(ask, params={}, mirrored={}), session, None)
        async with self._outbound.exchange(replace(call, body=body)) as reply:
            await reply.read(self._payload)

    async def abandon(self, ask: Ask, session: Session, identifier: Id) -> None:
        """Tells a legacy server that nobody waits for the answer."""
        params = {"requestId": identifier, "reason": "The client no longer waits."}
        body = jsonrpc.notification(eras.CANCELLED, params)
        await self.notify(replace(ask, method=eras.CANCELLED), session, body)

    async def leave(self, ask: Ask) -> None:
        """Ends the session of an identity. Raises TargetError when the server cannot be told."""
        slot = self._slots.pop(ask.identity, None)
        session = slot.session if slot is not None else None
        if session is not None and session.id and session.era == "legacy":
            await self.bye(ask, session)

    async def bye(self, ask: Ask, session: Session) -> None:
        """Tells a legacy server that a session is over."""
        ended = replace(ask, method="end session")
        async with self._outbound.exchange(bodiless(ended, session, "DELETE", {})) as reply:
            await reply.read(self._payload)

    def forget_era(self) -> None:
        """The next request finds the era again."""
        self._known = None
        self._slots.clear()

    async def close(self) -> None:
        """Forgets everything, and waits a moment for what the server is being told."""
        self.forget_era()
        await self._errands.close()

    async def _once(self, ask: Ask) -> tuple[Envelope, Reply, Session]:
        async with self.open(ask) as (reply, session), aclosing(self.messages(ask, reply, session)) as said:
            async for message in said:
                if message.kind == "response":
                    await reply.drain(0.05)
                    return message, reply, session
        raise TargetError(replies.without_answer(reply))

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
        hello = greeting(ask, "server/discover", {})
        async with self.send(hello, Session("modern", MODERN), next(self._ids)) as reply:
            answer = await self._hello(reply)
        result = answer.result if isinstance(answer.result, dict) else None
        versions = (result or {}).get("supportedVersions")
        if result is None or not isinstance(versions, list) or MODERN not in versions:
            raise _NotModernError
        return Session("modern", MODERN, reply.header(MCP_SESSION_ID), replies.capabilities_of(result))

    async def _initialize(self, ask: Ask) -> Session:
        params = {"protocolVersion": LEGACY, "capabilities": ask.capabilities, "clientInfo": CLIENT}
        hello = greeting(ask, "initialize", params)
        async with self.send(hello, FRESH, next(self._ids)) as reply:
            try:
                answer = await self._hello(reply)
            except _NotModernError as problem:
                raise TargetError(replies.without_answer(reply)) from problem
        session = initialized(answer, reply)
        done = "notifications/initialized"
        await self.notify(replace(hello, method=done), session, jsonrpc.notification(done))
        return session

    async def _hello(self, reply: Reply) -> Envelope:
        """The answer to a greeting. Raises _NotModernError when the server does not know what it is asked."""
        if reply.status in (401, 403) or reply.status == 424 or reply.status >= 500:
            raise replies.refused(reply.status, await reply.read(self._payload))
        try:
            async with aclosing(Reading(reply, self._payload).messages()) as messages:
                async for message in messages:
                    if message.kind == "response":
                        await reply.drain(0.05)
                        return message
        except ProtocolError as problem:
            raise _NotModernError from problem
        raise _NotModernError

    async def _asked(
        self, ask: Ask, session: Session, question: Envelope, asked: dict[Any, asyncio.Task[None]]
    ) -> None:
        """A request of the server: answered by and by where somebody answers, else at once."""
        if question.method == "ping":
            body = jsonrpc.response(question.raw_id, {})
        else:
            why = _refusal(ask, question, len(asked))
            if not why:
                task = asyncio.get_running_loop().create_task(self._put(ask, session, question))
                asked[question.id] = task
                task.add_done_callback(lambda _: asked.pop(question.id, None))
                return
            body = jsonrpc.error(question.raw_id, jsonrpc.METHOD_NOT_FOUND, why)
        await self.notify(replace(ask, method=f"answer to {question.method}"), session, body)
        if ask.modern and question.method in eras.INPUT_METHODS:
            required = eras.required_capability(question.method, question.params)
            text = f"The target asks for what the client did not declare: {eras.capability_names(required)}."
            data = {"requiredCapabilities": required}
            raise McpError(eras.MISSING_CLIENT_CAPABILITY, text, status=400, data=data)

    async def _put(self, ask: Ask, session: Session, question: Envelope) -> None:
        assert ask.interview is not None
        answer = await ask.interview.ask(question)
        told = replace(ask, method=f"answer to {question.method}")
        self._errands.run(self.notify(told, session, answer.body), 30.0)

    def _forget(self, identity: str, session: Session) -> None:
        slot = self._slots.get(identity)
        if slot is not None and slot.session is session:
            slot.session = None


def _refusal(ask: Ask, question: Envelope, waiting: int) -> str:
    """Why a question of the server cannot be put to the client; empty when it can."""
    if ask.interview is None or question.method not in eras.INPUT_METHODS:
        return f"{question.method} needs a client that declared it and can be asked now."
    return "Too many questions are open." if waiting >= _QUESTIONS else ask.interview.refusal(question)


async def _withdraw(ask: Ask, asked: dict[Any, asyncio.Task[None]], identifier: object) -> None:
    """The server takes a question back, or has answered without waiting for the answer."""
    task = asked.pop(identifier, None) if isinstance(identifier, str | int) else None
    if task is not None and ask.interview is not None:
        await ask.interview.withdraw(identifier)
        task.cancel()
