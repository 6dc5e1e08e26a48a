"""One HTTP/1.1 connection: llhttp reads, asyncio writes, one exchange at a time.

Source: RFC 9112 (HTTP/1.1), RFC 9110 §9.3.6 (CONNECT).
"""

from __future__ import annotations

import asyncio
import select
import sys
from typing import Any, Protocol

import httptools

from skerry.relay.http.reply import HttpError, Reply
from skerry.relay.http.url import Url

_MAX_HEAD = 1 << 18
_JOIN = 1 << 16


class Home(Protocol):
    """Where a connection rests between exchanges."""

    def release(self, connection: Connection) -> None:
        """Takes a connection back after an exchange."""
        ...

    def forget(self, connection: Connection) -> None:
        """A connection has ended."""
        ...


class Connection(asyncio.Protocol):
    """One connection: an exchange at a time, then back home."""

    def __init__(self, home: Home, key: object) -> None:
        self._home = home
        self.key = key
        self._transport: Any = None
        self._parser: Any = None
        self._reply: Reply | None = None
        self._head = 0
        self._delimited = False
        self._paused = False
        self._closing = False
        self.since = 0.0

    # ── the exchange ────────────────────────────────────────────────────────────────────────────

    def send(self, head: bytes, body: bytes) -> Reply:
        """Writes one request; the answer fills the reply."""
        self._reply = reply = Reply(self)
        self._parser = httptools.HttpResponseParser(self)
        self._head, self._delimited = 0, False
        if len(body) <= _JOIN:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)
        return reply

    def resume(self) -> None:
        """Reads on after a pause."""
        if self._paused:
            self._paused = False
            self._transport.resume_reading()

    def abort(self) -> None:
        """Closes the connection at once."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    @property
    def usable(self) -> bool:
        """Whether another request may go out here.

        What has arrived unasked can only be the end, which the loop may not have come to yet: a request
        written now would be lost.
        """
        if self._reply is not None or self._closing or self._transport.is_closing():
            return False
        sock = self._transport.get_extra_info("socket")
        return sock is None or not _readable(sock.fileno())

    # ── asyncio ─────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        reply = self._reply
        if reply is None:  # nobody asked: not ours to interpret
            self.abort()
            return
        if reply.status == 0:
            self._head += len(data)
            if self._head > _MAX_HEAD:
                self._broken("The head of the answer is larger than 256 KB.")
                return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if self._reply is reply:
                self._broken("The server does not speak HTTP/1.1.")
            else:
                self.abort()

    def eof_received(self) -> None:
        self._ended()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's signature)
        self._ended()
        self._home.forget(self)

    # ── httptools ───────────────────────────────────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        if self._reply is None:  # more than was asked for: what follows could be anybody's
            self.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._reply is not None and self._reply.status == 0:
            self._reply.raw_headers.append((name, value))

    def on_headers_complete(self) -> None:
        reply = self._reply
        status = self._parser.get_status_code()
        if reply is None or reply.status or status < 200:
            return
        reply.status = status
        self._delimited = bool(reply.header("content-length") or reply.header("transfer-encoding"))

    def on_body(self, body: bytes) -> None:
        reply = self._reply
        if reply is not None and reply.feed(body) and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        reply = self._reply
        if reply is None:
            return
        if reply.status == 0:  # 1xx: the answer itself is still to come
            reply.raw_headers.clear()
            return
        keep = self._parser.should_keep_alive()
        self._reply = None
        self.resume()
        reply.finish()
        if keep and not self._closing:
            self._home.release(self)
        else:
            self.abort()

    def _ended(self) -> None:
        """The other side has nothing more to say."""
        reply, self._reply = self._reply, None
        self._closing = True
        if reply is None:
            return
        if reply.status and not self._delimited:  # the end of the connection is the end of the body
            reply.finish()
        else:
            reply.fail(
                HttpError("closed", "The server closed the connection before its answer was complete.")
            )

    def _broken(self, text: str) -> None:
        reply, self._reply = self._reply, None
        if reply is not None:
            reply.fail(HttpError("malformed", text))
        self.abort()


def _readable(descriptor: int) -> bool:
    """Whether something has arrived; looks and does not wait."""
    if descriptor < 0:
        return True
    if sys.platform == "win32":
        return bool(select.select([descriptor], [], [], 0)[0])
    watched = select.poll()
    watched.register(descriptor, select.POLLIN)
    return bool(watched.poll(0))


class Tunnel(asyncio.Protocol):
    """CONNECT through an HTTP proxy."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._head = b""
        self._done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def open(self, url: Url, authorization: str, proxy: Url) -> None:
        where = f"[{url.host}]:{url.port}" if ":" in url.host else f"{url.host}:{url.port}"
        extra = f"Proxy-Authorization: {authorization}\r\n" if authorization else ""
        self._transport.write(f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n{extra}\r\n".encode("ascii"))
        words = (await self._done).split(None, 2)
        status = words[1].decode("latin-1") if len(words) > 1 else "?"
        if status != "200":
            raise HttpError(
                "connect",
                f"The HTTP proxy {proxy.authority} refused the tunnel to {where} (HTTP {status}).",
                hint="Check HTTPS_PROXY, or add the host to NO_PROXY.",
            )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._head += data
        if not self._done.done() and (b"\r\n\r\n" in self._head or len(self._head) > _JOIN):
            self._done.set_result(self._head)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's signature)
        if not self._done.done():
            self._done.set_result(b"")
