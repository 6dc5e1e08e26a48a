"""From the client to the program of a session and back: bytes both ways, as they come.

Source: AWS developer guide, runtime service contract. A status of 400 and above of the program is an error
of the runtime for the client, in the envelope of its protocol; everything else passes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from skerry.errors import ServiceError
from skerry.local.http.asgi import ClientGoneError
from skerry.local.http.upstream import Reply, Upstream, UpstreamError
from skerry.local.runtime import headers, texts
from skerry.local.runtime.call import Call
from skerry.local.runtime.envelopes import Answer
from skerry.local.runtime.request import Request
from skerry.local.runtime.sessions.session import Session
from skerry.local.runtime.sessions.sessions import Sessions
from skerry.local.runtime.settings import RuntimeSettings
from skerry.local.runtime.streams import Streams
from skerry.wire.headers import (
    IDENTITY_WAT,
    MCP_SESSION_ID,
    OAUTH2_CALLBACK_URL,
    RUNTIME_REQUEST_ID,
    RUNTIME_SESSION_ID,
    WORKLOAD_ACCESS_TOKEN,
)
from skerry.wire.trace import CURRENT

CARD = "/.well-known/agent-card.json"
MAX_CARD = 1 << 20
_SHOWN = 2000
_SETTLE = 0.5
log = logging.getLogger(__name__)


class Relay:
    """Carries calls to sessions that are ready."""

    def __init__(
        self, *, upstream: Upstream, sessions: Sessions, streams: Streams, settings: RuntimeSettings
    ) -> None:
        self._upstream = upstream
        self._sessions = sessions
        self._streams = streams
        self._settings = settings

    async def invoke(
        self, call: Call, request: Request, session: Session, body: bytes | AsyncIterator[bytes]
    ) -> None:
        """Invokes the program and streams its answer. A client that goes away ends the request there too.

        Raises ServiceError while nothing has been sent to the client, and ClientGoneError.
        """
        work = asyncio.create_task(self._invoke(call, request, session, body))
        gone = asyncio.create_task(call.body.gone())
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if call.body.problem is not None and not call.answered:
                raise call.body.problem
            if not work.done():
                raise ClientGoneError
            await work
        finally:
            for task in (work, gone):
                task.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)

    async def card(self, call: Call, request: Request, session: Session) -> None:
        """Answers with the program's agent card, unchanged: the URL in it is the program's own word.

        Raises ServiceError (424) when there is none.
        """
        url, sent = session.base + CARD, self._sent(call, request, session)
        try:
            reply = await self._upstream.request("GET", url, sent, read=self._settings.request_timeout)
            document = await reply.read(MAX_CARD)
        except UpstreamError as problem:
            raise await self._failed(session, problem) from problem
        if reply.status != 200:
            raise ServiceError("RuntimeClientError", 424, texts.received(reply.status))
        await call.answer(Answer(200, document))

    async def _invoke(
        self, call: Call, request: Request, session: Session, body: bytes | AsyncIterator[bytes]
    ) -> None:
        runtime = session.runtime
        sent = self._sent(call, request, session)
        if not isinstance(body, bytes) and (length := request.header("content-length")):
            sent.append(("Content-Length", length))
        supply = runtime.protocol.name == "MCP" and self._settings.unknowns.supply_mcp_session_id
        if supply and request.mcp_session_id() is None:
            sent.append((MCP_SESSION_ID, session.id))
        try:
            reply = await self._upstream.request(
                "POST", session.base + runtime.path, sent, body, read=self._settings.request_timeout
            )
        except UpstreamError as problem:
            if problem.unsent:  # nothing was done: the next attempt finds a new process
                await self._sessions.end(session, "its program takes no connections")
                raise ServiceError("RetryableConflictException", 409, texts.BUSY) from problem
            raise await self._failed(session, problem) from problem
        try:
            await self._answer(call, request, session, reply)
        except UpstreamError as problem:
            if not call.answered:
                raise await self._failed(session, problem) from problem
            log.warning("session %s: the answer ended early: %s", session.id, problem)
        except TimeoutError:  # an answer that has begun ends unfinished, which closes the connection
            call.detail["error"] = f"The stream was cut after {self._streams.lifetime:g} s."
            log.warning("session %s: %s", session.id, call.detail["error"])
        finally:
            reply.close()

    def _sent(self, call: Call, request: Request, session: Session) -> list[tuple[str, str]]:
        """What reaches the program: the client's headers that may, and the platform's own."""
        listed = headers.allowed(session.runtime)
        if session.runtime.protocol.name == "A2A" and self._settings.unknowns.pass_a2a_headers:
            listed |= headers.A2A
        passed = headers.to_program(request.headers, listed, CURRENT.get())
        return [*passed, *platform_headers(call, session)]

    async def _answer(self, call: Call, request: Request, session: Session, reply: Reply) -> None:
        if reply.status >= 400 and not self._passes(request, session, reply.status):
            said = (await reply.read(1 << 20)).decode("utf-8", "replace")
            log.info("session %s answered %d: %s", session.id, reply.status, said[:_SHOWN])
            raise ServiceError("RuntimeClientError", 424, texts.received(reply.status))
        back = headers.from_program(reply.headers)
        own = {name for name, _ in back}
        back += [pair for pair in headers.trace(request.headers) if pair[0] not in own]
        if session.runtime.protocol.name == "MCP":
            chosen = reply.header(MCP_SESSION_ID)
            if chosen:
                self._sessions.alias(session, chosen)
            else:
                known = request.mcp_session_id() or session.id
                back.append((MCP_SESSION_ID.lower().encode(), known.encode("latin-1")))
        await call.begin(reply.status, back)
        left = _length(reply)
        if left < 0:
            async with self._streams.bounded():
                async for piece in reply:
                    await call.write(piece, more=True)
        else:
            async for piece in reply:
                left -= len(piece)
                await call.write(piece, more=left != 0)
        if left:
            await call.write(b"", more=False)

    async def _failed(self, session: Session, problem: UpstreamError) -> ServiceError:
        """The program gave no answer: it was too slow, or it ended.

        A connection closes a moment before the end of its process is known; that is waited for, so that
        the next request finds the session gone.
        """
        if problem.reason == "timeout":
            return ServiceError("GatewayTimeoutException", 504, "The runtime did not answer in time.")
        hint = "(The program closed the connection.)"
        process = session.process
        if process is not None:
            await asyncio.wait({process.ended}, timeout=_SETTLE)
        if session.state != "ready" or (process is not None and process.ended.done()):
            await self._sessions.end(session, "its program ended")
            hint = "(The session ended during the request.)"
        return ServiceError("RuntimeClientError", 424, texts.received(502), hint=hint)

    def _passes(self, request: Request, session: Session, status: int) -> bool:
        """A stateful MCP server's 404 tells its client to initialize again."""
        return (
            status == 404
            and session.runtime.protocol.name == "MCP"
            and self._settings.unknowns.pass_mcp_not_found
            and request.mcp_session_id() is not None
        )


def platform_headers(call: Call, session: Session) -> list[tuple[str, str]]:
    """What the platform itself tells the program about a request."""
    sent = [(RUNTIME_SESSION_ID, session.id), (RUNTIME_REQUEST_ID, call.id)]
    if call.workload_token:
        sent += [(name, call.workload_token) for name in (WORKLOAD_ACCESS_TOKEN, IDENTITY_WAT)]
    listed = {name.lower() for name in session.runtime.allowlist}
    if call.return_url.isascii() and call.return_url and OAUTH2_CALLBACK_URL.lower() not in listed:
        sent.append((OAUTH2_CALLBACK_URL, call.return_url))
    return sent


def _length(reply: Reply) -> int:
    """The bytes that the answer has; -1 when only its end tells."""
    length = reply.header("Content-Length")
    return int(length) if length.isdigit() and int(length) > 0 else -1
