"""InvokeAgentRuntimeWithWebSocketStream: frames between a client and the `/ws` of a session's program.

Source: AWS developer guide, WebSocket streaming and runtime quotas; field reports for texts and close codes;
bedrock-agentcore SDK source for where the session id and a browser's token stand.

A socket counts as a request of its session for as long as it lives, so its session is never idle.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from skerry.errors import ServiceError, validation
from skerry.local.http.asgi import ClientGoneError
from skerry.local.http.frame_client import FrameClient, UpgradeRefusedError
from skerry.local.http.frames import Close
from skerry.local.http.upstream import UpstreamError
from skerry.local.ports.asgi import Message, Receive, Scope, Send
from skerry.local.ports.running import Clock
from skerry.local.runtime import headers, texts
from skerry.local.runtime.call import Call
from skerry.local.runtime.record import Runtime
from skerry.local.runtime.relay import platform_headers
from skerry.local.runtime.request import Request
from skerry.local.runtime.sessions.session import Session
from skerry.local.runtime.settings import RuntimeSettings
from skerry.wire.headers import REQUEST_ID, RUNTIME_CUSTOM_PREFIX, RUNTIME_SESSION_ID
from skerry.wire.trace import CURRENT

PROTOCOLS = ("HTTP", "AGUI")
BEARER = "base64UrlBearerAuthorization"
"""The subprotocol by which browsers, which set no headers, present a token: `BEARER.TOKEN` and `BEARER`."""
MAX_TOKEN = 4096
_CUSTOM = RUNTIME_CUSTOM_PREFIX.lower()
_QUERY_FIELDS = 100
log = logging.getLogger(__name__)


def readable(scope: Scope) -> Scope:
    """The handshake as a GET request: a token among the subprotocols becomes the `Authorization` header.

    Custom headers may stand in the query, for the same reason.
    """
    added = [(b"authorization", b"Bearer " + token) for token in _tokens(scope["subprotocols"])]
    try:
        query = parse_qsl(scope["query_string"].decode("ascii"), max_num_fields=_QUERY_FIELDS)
    except ValueError:
        query = []  # `Request.of` refuses it
    for name, value in query:
        if name.lower().startswith(_CUSTOM):
            added.append((name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace")))
    return {**scope, "method": "GET", "headers": [*scope["headers"], *added]}


def offered(subprotocols: list[str]) -> list[str]:
    """What the program is offered: everything but a token and the word that goes with it."""
    return [name for name in subprotocols if name.partition(".")[0] != BEARER]


def refusing(send: Send) -> Send:
    """Sends an HTTP answer in place of the upgrade (ASGI extension `websocket.http.response`)."""

    async def instead(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    return instead


async def no_body() -> Message:
    """The body of a handshake."""
    return {"type": "http.request", "body": b""}


def require_sockets(runtime: Runtime) -> None:
    """Raises ServiceError (400) for a protocol without WebSockets."""
    if runtime.protocol.name not in PROTOCOLS:
        raise validation(
            f"A runtime of protocol {runtime.protocol.name} takes no WebSocket connections; "
            f"those of {' and '.join(PROTOCOLS)} do."
        )


class Rate:
    """At most `limit` frames in a second, counted in one direction."""

    def __init__(self, limit: int, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._next = float("-inf")  # when the next one is due, in frames since the clock's beginning

    def wait(self) -> float:
        """Counts a frame; the seconds that it has to wait, mostly none."""
        now = self._clock.monotonic() * self._limit
        self._next = max(self._next, now - self._limit) + 1
        return max(self._next - now, 0) / self._limit


@dataclass(slots=True, eq=False)
class Live:
    """A socket that is open. `began` is monotonic seconds."""

    began: float
    expired: asyncio.Event = field(default_factory=asyncio.Event)


class Sockets:
    """All open sockets of the plane."""

    def __init__(self, *, settings: RuntimeSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._live: set[Live] = set()

    def sweep(self) -> None:
        """Closes sockets that have lived their hour. To be called about once a second."""
        now = self._clock.monotonic()
        for live in self._live:
            if now - live.began >= self._settings.socket_lifetime:
                live.expired.set()

    @contextlib.contextmanager
    def live(self) -> Iterator[Live]:
        """An open socket, whose hour begins."""
        live = Live(self._clock.monotonic())
        self._live.add(live)
        try:
            yield live
        finally:
            self._live.discard(live)

    async def serve(
        self, call: Call, request: Request, session: Session, receive: Receive, send: Send
    ) -> None:
        """Opens the program's socket, accepts the client's, and carries frames until either closes.

        Raises ServiceError while the client's is not accepted.
        """
        program = await self._dial(call, request, session)
        try:
            with self.live() as live:
                await send(accept(call, session, chosen(call, program.subprotocol)))
                call.status, call.answered = 101, True
                who, close = await self._carry(call, program, receive, send, live)
            call.detail["close"] = f"{close.code} by {who}"
            if who != "client":
                await close_client(send, close)
            if who != "program":
                await program.close(Close(1001) if close.code == 1006 else close)
        except ClientGoneError:
            call.status = call.status or 499
        finally:
            program.abort()

    async def _dial(self, call: Call, request: Request, session: Session) -> FrameClient:
        sent = headers.to_program(request.headers, headers.allowed(session.runtime), CURRENT.get())
        sent += platform_headers(call, session)
        try:
            return await FrameClient.open(
                f"ws{session.base.removeprefix('http')}/ws",
                sent,
                subprotocols=offered(call.scope["subprotocols"]),
                patience=self._settings.probe_timeout,
            )
        except UpgradeRefusedError as problem:
            raise ServiceError("RuntimeClientError", 424, texts.received(problem.status)) from problem
        except UpstreamError as problem:
            raise ServiceError(
                "RuntimeClientError", 424, texts.received(502), hint=f"({problem})"
            ) from problem

    async def _carry(
        self, call: Call, program: FrameClient, receive: Receive, send: Send, live: Live
    ) -> tuple[str, Close]:
        """Frames both ways; who closed in the end, and how."""
        up = asyncio.create_task(self._up(call, program, receive))
        down = asyncio.create_task(self._down(call, program, send))
        late = asyncio.create_task(self._expiry(live))
        tasks = {up, down, late}
        pending: set[asyncio.Task[tuple[str, Close] | None]] = tasks
        try:
            while True:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    outcome = task.result()
                    if outcome is not None:
                        return outcome
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _up(self, call: Call, program: FrameClient, receive: Receive) -> tuple[str, Close] | None:
        counted = Counted(call, "in", Rate(self._settings.socket_frames, self._clock))
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                reason = message.get("reason")
                return "client", Close(1006) if reason is None else Close(message["code"], reason)
            if message["type"] != "websocket.frame":
                continue
            wait = counted.count(message["data"])
            if wait and self._settings.unknowns.close_over_rate:
                return "limit", Close(1008, texts.FRAME_RATE)
            if wait:
                await asyncio.sleep(wait)
            if not await program.send(message["opcode"], message["data"], message["fin"]):
                return None  # `_down` knows how it ended

    async def _down(self, call: Call, program: FrameClient, send: Send) -> tuple[str, Close] | None:
        counted = Counted(call, "out", Rate(self._settings.socket_frames, self._clock))
        while True:
            frame = await program.receive()
            if frame is None:
                assert program.closed is not None
                return "program", program.closed
            data = bytes(frame.data)
            wait = counted.count(data)
            if wait and self._settings.unknowns.close_over_rate:
                return "limit", Close(1008, texts.FRAME_RATE)
            if wait:
                await asyncio.sleep(wait)
            try:
                await send(
                    {"type": "websocket.frame", "opcode": frame.opcode, "data": data, "fin": frame.fin}
                )
            except ClientGoneError:
                return None  # `_up` knows how it ended

    async def _expiry(self, live: Live) -> tuple[str, Close] | None:
        await live.expired.wait()
        return "limit", Close(1008, texts.SOCKET_LIFETIME)


class Counted:
    """Frames and bytes of one direction, kept in the call's detail."""

    def __init__(self, call: Call, direction: str, rate: Rate) -> None:
        self._detail = call.detail
        self._names = f"frames_{direction}", f"bytes_{direction}"
        self._rate = rate
        self._frames = self._bytes = 0
        self._write()

    def count(self, data: bytes) -> float:
        """One more; the seconds that it has to wait."""
        self._frames += 1
        self._bytes += len(data)
        self._write()
        return self._rate.wait()

    def _write(self) -> None:
        self._detail[self._names[0]] = str(self._frames)
        self._detail[self._names[1]] = str(self._bytes)


def chosen(call: Call, subprotocol: str | None) -> str | None:
    """A browser wants one of those that it offered: the program's choice, else the token's companion."""
    return subprotocol or (BEARER if BEARER in call.scope["subprotocols"] else None)


def accept(
    call: Call, session: Session, subprotocol: str | None, more: Sequence[tuple[bytes, bytes]] = ()
) -> Message:
    """The answer that opens a socket."""
    own = ((REQUEST_ID, call.id), (RUNTIME_SESSION_ID, session.id))
    pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in own]
    return {"type": "websocket.accept", "subprotocol": subprotocol, "headers": [*pairs, *more]}


async def close_client(send: Send, close: Close) -> None:
    """Closes the client's socket as the other side's was."""
    if close.code == 1006:
        close = Close(1011, texts.SOCKET_LOST)
    elif not close.sendable:
        close = Close(1000)
    await send({"type": "websocket.close", "code": close.code, "reason": close.reason})


def _tokens(subprotocols: list[str]) -> list[bytes]:
    """The bearer tokens among the subprotocols; one that cannot be read is empty, which no check lets in."""
    found = []
    for name in subprotocols:
        scheme, dot, encoded = name.partition(".")
        if scheme == BEARER and dot:
            try:
                token = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
            except (binascii.Error, ValueError):
                token = b""
            found.append(token if len(encoded) <= MAX_TOKEN else b"")
    return found
