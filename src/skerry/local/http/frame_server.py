"""uvicorn's WebSocket connection, handing frames to the application as they come (see `frames.py`)."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from skerry.local.http.asgi import ClientGoneError
from skerry.local.http.frames import LIMITS, AwsLimits, log

LINGER = 2.0
"""Seconds in which a client may read why its connection is closed."""

_ONCE = frozenset(
    {b"host", b"upgrade", b"connection", b"sec-websocket-key", b"sec-websocket-version", b"user-agent"}
)


def once(request: bytes) -> bytes:
    """A handshake with its own headers once, the first of each.

    `generate_ws_connection` of AWS's SDK returns them all, and clients add them to those that they send
    anyway.
    """
    lines, seen = [], set()
    for line in request.split(b"\r\n"):
        name = line.partition(b":")[0].lower()
        if name not in _ONCE or name not in seen:
            lines.append(line)
        seen.add(name)
    return b"\r\n".join(lines)


class _Connection(AwsLimits, ServerProtocol):
    pass


class FrameServer(WebSocketsSansIOProtocol):
    """A connection from a client. For `uvicorn.Config(ws=…)`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.logger = log
        self.conn = _Connection(max_size=LIMITS, logger=log)

    def data_received(self, data: bytes) -> None:
        """What came before a broken frame counts."""
        if not self.handshake_initiated:
            data = once(data)
        self.conn.receive_data(data)
        self.handle_events()
        if self.conn.parser_exc is not None and not self.close_sent:
            self.handle_parser_exception()

    def handle_connect(self, event: Request) -> None:
        """Starts the application, with header names in lower case as ASGI wants them."""
        super().handle_connect(event)
        if not self.close_sent:
            self.scope["headers"] = [(name.lower(), value) for name, value in self.scope["headers"]]

    def handle_text(self, event: Frame) -> None:
        """Hands on one frame, and reads no more until it was taken."""
        if self.close_sent:
            return
        self.queue.put_nowait(
            {"type": "websocket.frame", "opcode": event.opcode, "data": bytes(event.data), "fin": event.fin}  # type: ignore[arg-type]
        )
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    handle_bytes = handle_cont = handle_text

    def handle_parser_exception(self) -> None:
        """Says why, and goes on reading for a moment: closing at once would take the words back."""
        close = self.conn.close_sent
        if close is not None:
            self.queue.put_nowait(
                {"type": "websocket.disconnect", "code": close.code, "reason": close.reason}
            )
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(LINGER, self.transport.close)

    async def send(self, message: Any) -> None:
        """Sends an ASGI message; waits while the client is slow. Raises ClientGoneError.

        For a close it waits LINGER: who does not read would keep the connection, and what it holds, else.
        """
        try:
            if message["type"] == "websocket.close":
                await self._caught_up()
            if message["type"] != "websocket.frame":
                await super().send(message)
                if message["type"] == "websocket.http.response.body" and self.close_sent:
                    self.handshake_complete = True  # by a refusal; uvicorn takes it for none
                return
            await self.writable.wait()
            if self.disconnected or self.close_sent:
                raise ClientGoneError
            self._send_frame(message["opcode"], message["data"], message["fin"])
        except (ClientDisconnected, InvalidState) as problem:
            raise ClientGoneError from problem

    async def _caught_up(self) -> None:
        try:
            async with asyncio.timeout(LINGER):
                await self.writable.wait()
        except TimeoutError:
            self.transport.abort()
            raise ClientGoneError from None

    def _send_frame(self, opcode: int, data: bytes, fin: bool) -> None:
        if opcode == Opcode.TEXT:
            self.conn.send_text(data, fin)
        elif opcode == Opcode.BINARY:
            self.conn.send_binary(data, fin)
        else:
            self.conn.send_continuation(data, fin)
        self.transport.write(b"".join(self.conn.data_to_send()))
