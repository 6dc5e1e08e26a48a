"""Servers that ask, in front of clients of either era: elicitation, sampling and roots through the gateway.

Source: MCP 2025-11-25 (requests of a server during a call) and 2026-07-28 (multi round-trip requests); AWS
developer guide, gateway elicitation: the gateway replaces the ids of requests, and refuses with -32601 what a
client did not declare. The translations between the eras are the relay's (`relay.faces`).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass, replace

from skerry.errors import ProtocolError
from skerry.local.gateway.client_session import ClientSession
from skerry.local.gateway.outgoing import TargetError
from skerry.local.gateway.settings import GatewaySettings
from skerry.local.gateway.targets import replies
from skerry.local.gateway.targets.asks import FRESH, Ask, initialized
from skerry.local.gateway.targets.dialogue import Dialogue
from skerry.local.http.upstream import Reply
from skerry.local.ports.running import Clock
from skerry.relay.faces.calls import Errands
from skerry.relay.faces.modern_face import Bounds, ModernFace
from skerry.relay.faces.parked import Parked
from skerry.relay.ports import Emit, RelayError, Server
from skerry.wire import eras, jsonrpc
from skerry.wire.eras import Era
from skerry.wire.jsonrpc import Envelope


class SessionInterview:
    """A legacy server's questions to a legacy client, on the stream of the call that `emit` writes to."""

    def __init__(self, client: ClientSession, call: object, emit: Emit) -> None:
        self._client = client
        self._call = call
        self._emit = emit

    def refusal(self, question: Envelope) -> str:
        """Names what the client did not declare."""
        required = eras.required_capability(question.method, question.params)
        if eras.declares(self._client.capabilities, required):
            return ""
        return f"The client did not declare {eras.capability_names(required)}."

    async def ask(self, question: Envelope) -> Envelope:
        """The client's response, under the server's id."""
        asked = [(question.method, question.params or None)]
        try:
            (response,) = await self._client.questions.ask(self._key(question.id), asked, self._emit)
        except RelayError as problem:
            return jsonrpc.parse(jsonrpc.error(question.raw_id, jsonrpc.METHOD_NOT_FOUND, problem.message))
        return jsonrpc.parse(response.with_id(question.raw_id))

    async def withdraw(self, identifier: object) -> None:
        """Tells the client that its answer is not waited for any more."""
        await self._client.questions.withdraw(self._key(identifier))

    def _key(self, identifier: object) -> str:
        return f"{self._call!r} {identifier!r}"


class ModernPeer:
    """A modern server as a `relay` server, for the one call of `ask`; the rounds of that call go through it.

    `reply` is the last answer's.
    """

    era: Era = "modern"

    def __init__(self, dialogue: Dialogue, ask: Ask) -> None:
        self._dialogue = dialogue
        self._ask = ask
        self.reply: Reply | None = None

    def listen(self, deliver: Emit) -> None:
        """Does nothing: in this era everything belongs to a call."""

    async def call(self, request: Envelope, emit: Emit) -> Envelope:
        """The response; what is said before it goes to `emit`. Raises TargetError."""
        ask = replace(self._ask, method=request.method, params=request.params, modern=True)
        dialogue = self._dialogue
        async with (
            dialogue.open(ask) as (reply, session),
            aclosing(dialogue.messages(ask, reply, session)) as messages,
        ):
            async for message in messages:
                if message.kind == "response":
                    await reply.drain(0.05)
                    self.reply = reply
                    dialogue.settled(ask, message, reply, session)
                    return message.under(request)
                await emit(message)
        raise AssertionError("messages end with a response or raise")

    async def notify(self, notification: Envelope) -> None:
        """Does nothing: to close the answer is all that is left to say."""

    async def respond(self, response: Envelope) -> None:
        """Does nothing: in this era a server asks nobody."""

    async def close(self) -> None:
        """Does nothing: there is no session."""


@dataclass(slots=True)
class _Journey:
    """The request of a client that is under way, and the server's last answer to it."""

    ask: Ask
    reply: Reply | None = None


_JOURNEY: ContextVar[_Journey] = ContextVar("_JOURNEY")
"""Tasks that a face makes for a request inherit it, and so use that request's headers and credentials."""


class LegacyPeer:
    """A legacy server as a `relay` server: one session of `identity`, opened by whoever holds this."""

    era: Era = "legacy"

    def __init__(self, dialogue: Dialogue, identity: str) -> None:
        self._dialogue = dialogue
        self._identity = identity
        self._session = FRESH
        self._last: _Journey | None = None

    def listen(self, deliver: Emit) -> None:
        """Does nothing: no stream is opened for what belongs to no call."""

    async def call(self, request: Envelope, emit: Emit) -> Envelope:
        """The response; what is said before it goes to `emit`. Raises RelayError."""
        try:
            return await self._called(request, emit)
        except TargetError as problem:
            raise _relayed(problem) from problem
        except ProtocolError as problem:
            raise RelayError("failed", f"The target does not speak MCP: {problem.message}") from problem

    async def _called(self, request: Envelope, emit: Emit) -> Envelope:
        journey = self._last = self._journey()
        ask = replace(journey.ask, method=request.method, params=request.params, modern=False, mirrored={})
        session = self._session
        async with self._dialogue.send(ask, session, request.raw_id) as reply:
            if reply.status == 404 and session.id:
                raise RelayError("lost", "The target has forgotten the session.")
            if reply.status in (401, 403):
                raise replies.refused(reply.status, await reply.read(100_000))
            async with aclosing(self._dialogue.read(ask, reply, session)) as messages:
                async for message in messages:
                    if message.kind != "response":
                        await emit(message)
                        continue
                    await reply.drain(0.05)
                    if session.id and replies.runtime_lost_session(message):
                        raise RelayError("lost", "The target has forgotten the session.")
                    if request.method == "initialize" and message.error is None:
                        self._session = initialized(message, reply)
                    journey.reply = reply
                    return message.under(request)
        raise RelayError("closed", replies.without_answer(reply))

    async def notify(self, notification: Envelope) -> None:
        """Passes a notification on. Raises RelayError."""
        await self._say(notification, notification.method)

    async def respond(self, response: Envelope) -> None:
        """Passes the answer to a question on. Raises RelayError."""
        await self._say(response, "answer")

    async def close(self) -> None:
        """Ends the session at the server."""
        if self._session.id:
            await self._dialogue.bye(self._journey().ask, self._session)

    async def _say(self, message: Envelope, shown: str) -> None:
        ask = replace(self._journey().ask, method=shown)
        try:
            await self._dialogue.notify(ask, self._session, message.body)
        except TargetError as problem:
            raise _relayed(problem) from problem

    def _journey(self) -> _Journey:
        """The request under way, or the last one of this identity: what ends a session may be another's."""
        journey = _JOURNEY.get(None)
        if journey is not None and journey.ask.identity == self._identity:
            return journey
        if self._last is None:
            raise RelayError("closed", "The session was never opened.")
        return self._last


def _relayed(problem: TargetError) -> RelayError:
    return RelayError("closed" if problem.lost else "failed", problem.message, hint=problem.hint)


class Faces:
    """A legacy server as the modern clients of each identity see it: its questions park the call."""

    def __init__(self, dialogue: Dialogue, clock: Clock, settings: GatewaySettings) -> None:
        self._dialogue = dialogue
        self._clock = clock
        self._settings = settings
        self._parked = Parked(clock, seconds=settings.parked)
        self._faces: OrderedDict[str, ModernFace] = OrderedDict()
        self._errands = Errands()

    async def call(self, request: Envelope, ask: Ask, emit: Emit) -> tuple[Envelope, Reply | None]:
        """The response in the modern era, and the server's answer that it came with. Raises TargetError."""
        face = self._faces.get(ask.identity)
        if face is None:
            face = self._faces[ask.identity] = self._new(ask.identity)
        self._faces.move_to_end(ask.identity)
        while len(self._faces) > self._settings.sessions:
            _, oldest = self._faces.popitem(last=False)
            self._errands.run(oldest.close())
        journey = _Journey(ask)
        _JOURNEY.set(journey)
        try:
            return await self._answered(face, request, ask, emit), journey.reply
        except RelayError as problem:
            asked = "requestState" in request.params
            raise TargetError(problem.message, hint=problem.hint, asked=asked) from problem

    async def close(self) -> None:
        """Ends the calls that wait and the sessions at the server."""
        faces, self._faces = self._faces, OrderedDict()
        await asyncio.gather(*(face.close() for face in faces.values()))
        await self._errands.close()

    async def _answered(self, face: ModernFace, request: Envelope, ask: Ask, emit: Emit) -> Envelope:
        try:
            return await face.call(request, emit)
        except RelayError as problem:
            again = ask.repeatable and "requestState" not in request.params
            if problem.reason not in ("closed", "lost") or not again:
                raise
            return await face.call(request, emit)

    def _new(self, identity: str) -> ModernFace:
        bounds = Bounds(idle=self._settings.session_idle, page=self._settings.page)

        async def opened() -> Server:
            return LegacyPeer(self._dialogue, identity)

        return ModernFace(opened, principal=identity, parked=self._parked, bounds=bounds, clock=self._clock)
