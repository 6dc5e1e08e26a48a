"""One write for a short answer: its head waits for the body that follows at once.

uvicorn writes head and body apart. Each write is a system call and wakes the client, which for the small
answers of MCP is a good part of what they cost.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class HttpProtocol(HttpToolsProtocol):
    """A connection from a client. For `uvicorn.Config(http=…)`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Puts `JoinedHead` before the transport, for a WebSocket that the connection may become too."""
        super().connection_made(cast(asyncio.Transport, JoinedHead(transport, self.loop)))


class JoinedHead:
    """A transport that keeps a response's head until the next write, or the end of this turn of the loop.

    Everything else goes straight to the transport, in order. A head that no body follows, as that of an event
    stream, is late by less than the loop's turn.
    """

    __slots__ = ("_flush", "_head", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""
        self._flush: asyncio.Handle | None = None

    def write(self, data: bytes) -> None:
        """Sends `data`, with the head that waits for it."""
        if self._head:
            self._transport.writelines((self._taken(), data))
        elif data.startswith(b"HTTP/1.1 ") and data.endswith(b"\r\n\r\n"):
            self._head = data
            self._flush = self._loop.call_soon(self._send_head)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Closes the transport, behind what was written."""
        self._send_head()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        """What else a transport can do; nothing of it writes."""
        return getattr(self._transport, name)

    def _send_head(self) -> None:
        if self._head:
            self._transport.write(self._taken())

    def _taken(self) -> bytes:
        head, self._head = self._head, b""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        return head
