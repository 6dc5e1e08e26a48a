"""Clients of the legacy era over HTTP: sessions, and answers to the program's questions on later posts.

Source: MCP up to 2025-11-25, Streamable HTTP; AWS developer guide, MCP and HTTP protocol contracts. AgentCore
may give a client that has no session id one of its own, on `initialize` too: it is taken as it is.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping

from skerry.bridge.exchange import Exchange, Receive, Send, Stream, failure, left, reply
from skerry.bridge.guard import RefusedError
from skerry.bridge.health import Health
from skerry.bridge.post import Post
from skerry.bridge.programs import Programs
from skerry.bridge.sessions import Session, Sessions
from skerry.relay.ports import nowhere
from skerry.wire import jsonrpc
from skerry.wire.headers import MCP_SESSION_ID, RUNTIME_SESSION_ID
from skerry.wire.jsonrpc import Envelope

DEFAULT_SESSION = "default"
"""The session of `/invocations` calls without a session header."""
_VISIBLE = re.compile(r"[\x21-\x7e]{1,256}")
_SESSION = MCP_SESSION_ID.lower()
_RUNTIME_SESSION = RUNTIME_SESSION_ID.lower()
_MISSING = "Missing session ID. Send initialize first."
_UNKNOWN = "Session not found. Send initialize again."


class LegacyFront:
    """Serves the posts and streams of legacy clients."""

    def __init__(self, programs: Programs, sessions: Sessions, health: Health) -> None:
        self._programs = programs
        self._sessions = sessions
        self._health = health
        self._opening: dict[str, asyncio.Lock] = {}

    async def serve(self, post: Post) -> None:
        """Answers one post. Raises RefusedError, RpcError, and RelayError for what is no request."""
        given = post.headers.get(_SESSION, "")
        if post.contract == "http":
            given = post.headers.get(_RUNTIME_SESSION) or given or DEFAULT_SESSION
        if given and _VISIBLE.fullmatch(given) is None:
            raise RefusedError(400, "A session id is 1 to 256 visible ASCII characters.")
        message = post.message
        if message.kind == "request" and message.method == "initialize":
            await self._initialize(post, given)
        elif post.contract == "http":
            await self._say(await self._implied(given), post)
        elif given:
            session = self._sessions.find(given)
            if session is None:
                await reply(post.send, 404, failure(jsonrpc.INVALID_REQUEST, _UNKNOWN, post.raw_id))
            else:
                await self._say(session, post)
        elif message.kind == "request" and message.method == "ping":  # the platform's probe has no session
            await self._probe(post)
        else:
            raise jsonrpc.RpcError(jsonrpc.INVALID_REQUEST, _MISSING, raw_id=post.raw_id)

    async def listen(self, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        """Serves the GET stream of a session. Raises RefusedError."""
        await self._session(headers).listen(Stream(send), left(receive))

    async def end(self, headers: Mapping[str, str], send: Send) -> None:
        """Serves the DELETE of a session. Raises RefusedError."""
        await self._sessions.end(self._session(headers))
        await reply(send, 200, b"")

    def hush(self) -> None:
        """Ends all GET streams: the bridge is about to end."""
        for session in self._sessions.all():
            session.hush()

    def _session(self, headers: Mapping[str, str]) -> Session:
        given = headers.get(_SESSION)
        if not given:
            raise RefusedError(400, _MISSING)
        session = self._sessions.find(given)
        if session is None:
            raise RefusedError(404, _UNKNOWN)
        return session

    async def _say(self, session: Session, post: Post) -> None:
        message = post.message
        if message.kind == "request":
            exchange = Exchange(
                post.send, post.receive, era="legacy", streams=post.streams, elsewhere=session.astray
            )
            with self._health.busy(), session.calling(exchange.emit):
                await exchange.answer(message, _after_mail(session, message, exchange))
            return
        self._health.active()
        if message.kind == "response":
            await session.server.respond(message)
        else:
            await session.server.notify(message)
        await reply(post.send, 202, b"")

    async def _initialize(self, post: Post, given: str) -> None:
        """Opens a session, which there is when the program has agreed."""
        identifier = given or secrets.token_hex(16)
        shown = ((_SESSION.encode(), identifier.encode("ascii")),) if post.contract == "mcp" else ()
        exchange = Exchange(
            post.send, post.receive, era="legacy", streams=post.streams, elsewhere=nowhere, headers=shown
        )
        with self._health.busy():
            await exchange.answer(post.message, self._open(post, identifier, exchange))

    async def _open(self, post: Post, identifier: str, exchange: Exchange) -> Envelope:
        try:
            owned, answer = await self._programs.legacy(post.message, exchange.emit)
        except BaseException:
            exchange.headers = ()
            raise
        assert answer is not None
        if answer.error is not None:
            exchange.headers = ()
            await owned.close()
        else:
            self._sessions.open(owned, identifier, streamless=post.contract == "http")
        return answer

    async def _implied(self, identifier: str) -> Session:
        """The session of the HTTP contract, which needs no `initialize`: the platform has opened it."""
        session = self._sessions.find(identifier)
        if session is not None:
            return session
        lock = self._opening.setdefault(identifier, asyncio.Lock())
        async with lock:
            session = self._sessions.find(identifier)
            if session is None:
                owned, _ = await self._programs.legacy(None, nowhere)
                session = self._sessions.open(owned, identifier, streamless=True)
        self._opening.pop(identifier, None)
        return session

    async def _probe(self, post: Post) -> None:
        status, body = self._health.report()
        if status == 200:
            await reply(post.send, 200, jsonrpc.response(post.raw_id, {}))
        else:
            text = "The MCP server cannot serve."
            await reply(
                post.send, status, failure(jsonrpc.INTERNAL_ERROR, text, post.raw_id, jsonrpc.encode(body))
            )


async def _after_mail(session: Session, message: Envelope, exchange: Exchange) -> Envelope:
    await session.catch_up(exchange.emit)
    return await session.server.call(message, exchange.emit)
