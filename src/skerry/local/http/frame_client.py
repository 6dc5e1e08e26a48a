"""A WebSocket connection to a program, frame by frame (see `frames.py`)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import cast
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from skerry.errors import SkerryError
from skerry.local.http.frames import LIMITS, AwsLimits, Close, log
from skerry.local.http.upstream import UpstreamError

CLOSING = 2.0
"""Seconds for the closing handshake."""


class UpgradeRefusedError(SkerryError):
    """The program answered the upgrade with another status than 101."""

    code = "SKY-108"

    def __init__(self, status: int) -> None:
        super().__init__(f"The program refused the WebSocket with status {status}.")
        self.status = status


class _Connection(AwsLimits, ClientProtocol):
    pass


class FrameClient(asyncio.Protocol):
    """An open connection. Made by `open`; `closed` is set when it has ended."""

    def __init__(self, url: str, headers: Iterable[tuple[str, str]], subprotocols: Sequence[str]) -> None:
        loop = asyncio.get_running_loop()
        self.closed: Close | None = None
        self._url = url
        self._headers = headers
        offered = [Subprotocol(name) for name in subprotocols] or None
        self._conn = _Connection(parse_uri(url), subprotocols=offered, max_size=LIMITS, logger=log)
        self._opened: asyncio.Future[None] = loop.create_future()
        self._lost: asyncio.Future[None] = loop.create_future()
        self._frames: asyncio.Queue[Frame | None] = asyncio.Queue()
        self._writable = asyncio.Event()
        self._writable.set()
        self._paused = False
        self._transport: asyncio.Transport

    @classmethod
    async def open(
        cls,
        url: str,
        headers: Iterable[tuple[str, str]],
        *,
        subprotocols: Sequence[str] = (),
        patience: float,
    ) -> FrameClient:
        """Connects to `ws://…` within `patience` seconds.

        Raises UpstreamError (`connect`, `timeout`, `closed`) and UpgradeRefusedError.
        """
        made = cls(url, headers, subprotocols)
        address = urlsplit(url)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(patience):
                await loop.create_connection(lambda: made, address.hostname or "", address.port or 80)
                await made._opened
        except TimeoutError as problem:
            made.abort()
            raise UpstreamError("timeout", "The program did not answer the upgrade in time.") from problem
        except OSError as problem:
            raise UpstreamError("connect", "The program takes no connections.") from problem
        except BaseException:
            made.abort()
            raise
        return made

    @property
    def subprotocol(self) -> str | None:
        """What the program chose."""
        return self._conn.subprotocol

    async def receive(self) -> Frame | None:
        """The next data frame; None when the connection has ended, then `closed` says why."""
        frame = await self._frames.get()
        if frame is None:
            self._frames.put_nowait(None)
        elif self._frames.empty():
            self._read_on()
        return frame

    async def send(self, opcode: int, data: bytes, fin: bool) -> bool:
        """Sends a frame, waiting while the program is slow; False when the connection has ended."""
        await self._writable.wait()
        if self.closed is not None:
            return False
        try:
            if opcode == Opcode.TEXT:
                self._conn.send_text(data, fin)
            elif opcode == Opcode.BINARY:
                self._conn.send_binary(data, fin)
            else:
                self._conn.send_continuation(data, fin)
        except InvalidState:
            return False
        self._flush()
        return True

    async def close(self, close: Close) -> None:
        """Closes in order, within CLOSING seconds."""
        if self.closed is None:
            try:
                if close.sendable:
                    self._conn.send_close(close.code, close.reason)
                else:
                    self._conn.send_close()
                self._flush()
            except InvalidState:
                pass
            self._read_on()
            await asyncio.wait({self._lost}, timeout=CLOSING)
        self.abort()

    def abort(self) -> None:
        """Ends the connection at once."""
        if hasattr(self, "_transport"):
            self._transport.abort()

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for the upgrade."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's has another base
        request = self._conn.connect()
        for name, value in self._headers:
            request.headers[name] = value
        self._conn.send_request(request)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Takes what came."""
        self._conn.receive_data(data)
        self._events()

    def eof_received(self) -> None:
        """The program sends no more."""
        self._conn.receive_eof()
        self._events()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's signature)
        """Tells whoever waits."""
        if not self._opened.done():
            self._opened.set_exception(UpstreamError("closed", "The program closed the connection."))
        if not self._lost.done():
            self._lost.set_result(None)
        self._end()

    def pause_writing(self) -> None:
        """The program is slow."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._writable.set()

    def _read_on(self) -> None:
        if self._paused and not self._transport.is_closing():
            self._transport.resume_reading()
        self._paused = False

    def _events(self) -> None:
        for event in self._conn.events_received():
            if isinstance(event, Response):
                self._answered(event)
            elif isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                self._frames.put_nowait(event)
                if not self._paused and not self._transport.is_closing():
                    self._paused = True
                    self._transport.pause_reading()
        self._flush()
        if self._opened.done() and (self._conn.close_rcvd is not None or self._conn.parser_exc is not None):
            self._end()

    def _answered(self, response: Response) -> None:
        if self._opened.done():
            return
        if self._conn.handshake_exc is None:
            self._opened.set_result(None)
        elif response.status_code != 101:
            self._opened.set_exception(UpgradeRefusedError(response.status_code))
        else:
            self._opened.set_exception(UpstreamError("closed", "The program's upgrade does not hold."))

    def _end(self) -> None:
        if self.closed is not None:
            return
        told, failed = self._conn.close_rcvd, self._conn.parser_exc
        if told is not None:
            self.closed = Close(int(told.code), told.reason)
        elif failed is not None and self._conn.close_sent is not None:
            self.closed = Close(int(self._conn.close_sent.code), self._conn.close_sent.reason)
        else:
            self.closed = Close(1006)
        self._writable.set()
        self._frames.put_nowait(None)

    def _flush(self) -> None:
        for data in self._conn.data_to_send():
            if self._transport.is_closing():
                return
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
