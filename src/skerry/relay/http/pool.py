"""HTTP/1.1 to one place after another: connections that are kept, bodies as they arrive.

The parser is llhttp (httptools), TLS is the standard library's; what is here is the pool and the waiting.
It exists because the proxy's start and its CPU per call are a budget that the full clients exceed several
times. It carries bytes: no redirects, no cookies, no decompression, and the target exactly as it is given,
so that a percent-encoded ARN stays what the signature covers.

Source: RFC 9112 (HTTP/1.1), RFC 9110 §9.3.6 (CONNECT).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from skerry.relay.http.connection import Connection, Tunnel
from skerry.relay.http.reply import HttpError, Pair, Reply
from skerry.relay.http.tls import default_tls
from skerry.relay.http.url import Url

if TYPE_CHECKING:
    import ssl

_TURNS = 100


class Pool:
    """Connections to any number of origins, kept for `idle` seconds after their last use.

    `connect` bounds name resolution, connection and TLS together, in seconds. `tls` makes the context of
    https on its first use. `proxy` answers the HTTP proxy for a URL, or None.
    """

    def __init__(
        self,
        *,
        connect: float = 10.0,
        idle: float = 30.0,
        tls: Callable[[], ssl.SSLContext] | None = None,
        proxy: Callable[[Url], Url | None] | None = None,
        proxy_authorization: str = "",
    ) -> None:
        self._connect = connect
        self._idle = idle
        self._tls = tls or default_tls
        self._proxy = proxy
        self._proxy_authorization = proxy_authorization
        self._context: ssl.SSLContext | None = None
        self._resting: dict[object, list[Connection]] = {}
        self._open: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def request(
        self,
        method: str,
        url: Url,
        headers: Iterable[Pair],
        body: bytes = b"",
        *,
        silence: float | None = None,
    ) -> Reply:
        """Sends one request and returns when the head of the answer is there, within `silence` seconds.

        `headers` are complete but for Host and Content-Length. A cancelled call closes its connection.
        Raises HttpError.
        """
        connection = self._rested(url) or await self._connected(url)
        reply = connection.send(_head(method, url, headers, body, self._absolute(url)), body)
        try:
            await reply.head(silence)
        except BaseException:
            reply.close()
            raise
        return reply

    async def close(self) -> None:
        """Closes every connection, busy ones too."""
        self._closed = True
        self._resting.clear()
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in list(self._open):
            connection.abort()
        for _ in range(_TURNS):  # transports close in one of the next turns of the loop
            if not self._open:
                break
            await asyncio.sleep(0)

    def release(self, connection: Connection) -> None:
        """Takes a connection back after an exchange."""
        if self._closed:
            connection.abort()
            return
        loop = asyncio.get_running_loop()
        connection.since = loop.time()
        self._resting.setdefault(connection.key, []).append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(self._idle, self._swept, loop)

    def _swept(self, loop: asyncio.AbstractEventLoop) -> None:
        """Closes what was not used for as long as connections are kept."""
        self._sweep = None
        last = loop.time() - self._idle
        resting = [connection for among in self._resting.values() for connection in among]
        for connection in resting:
            if connection.since <= last + 0.001:
                connection.abort()
        waiting = [connection.since for connection in resting if connection.since > last + 0.001]
        if waiting:
            self._sweep = loop.call_later(min(waiting) - last, self._swept, loop)

    def forget(self, connection: Connection) -> None:
        """A connection has ended."""
        self._open.discard(connection)
        resting = self._resting.get(connection.key)
        if resting is not None and connection in resting:
            resting.remove(connection)

    def _rested(self, url: Url) -> Connection | None:
        resting = self._resting.get(_key(url))
        while resting:
            connection = resting.pop()  # the one used last is the least likely to be stale
            if connection.usable:
                return connection
        return None

    def _absolute(self, url: Url) -> bool:
        return url.scheme == "http" and self._proxy is not None and self._proxy(url) is not None

    async def _connected(self, url: Url) -> Connection:
        if self._closed:
            raise HttpError("connect", "The connections are closed already.")
        proxy = self._proxy(url) if self._proxy is not None else None
        try:
            async with asyncio.timeout(self._connect):
                connection = await (self._direct(url) if proxy is None else self._through(proxy, url))
        except TimeoutError as problem:
            raise HttpError("connect", f"{url.origin} did not accept a connection in time.") from problem
        except OSError as problem:
            raise _unreachable(url, problem) from problem
        self._open.add(connection)
        return connection

    async def _direct(self, url: Url) -> Connection:
        loop = asyncio.get_running_loop()
        secure = url.scheme == "https"
        _, connection = await loop.create_connection(
            lambda: Connection(self, _key(url)),
            url.host,
            url.port,
            ssl=self._secured() if secure else None,
            server_hostname=url.host if secure else None,
            happy_eyeballs_delay=0.25,
        )
        return connection

    async def _through(self, proxy: Url, url: Url) -> Connection:
        loop = asyncio.get_running_loop()
        if url.scheme == "http":
            _, connection = await loop.create_connection(
                lambda: Connection(self, _key(url)), proxy.host, proxy.port
            )
            return connection
        transport, tunnel = await loop.create_connection(Tunnel, proxy.host, proxy.port)
        try:
            await tunnel.open(url, self._proxy_authorization, proxy)
            connection = Connection(self, _key(url))
            secured = await loop.start_tls(transport, connection, self._secured(), server_hostname=url.host)
        except BaseException:
            transport.abort()
            raise
        assert secured is not None
        connection.connection_made(secured)
        return connection

    def _secured(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = self._tls()
        return self._context


def _key(url: Url) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port


def _head(method: str, url: Url, headers: Iterable[Pair], body: bytes, absolute: bool) -> bytes:
    target = url.origin + url.target if absolute else url.target
    lines = [f"{method} {target} HTTP/1.1\r\nHost: {url.authority}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) or head.count("\r") != len(lines) or "\0" in head:
        raise HttpError("malformed", "A header holds a line end.")
    return (head + "\r\n\r\n").encode("latin-1")


def _unreachable(url: Url, problem: OSError) -> HttpError:
    import ssl

    if isinstance(problem, ssl.SSLCertVerificationError):
        return HttpError(
            "connect",
            f"The certificate of {url.authority} is not trusted: {problem.verify_message}.",
            hint="Behind a company proxy, point AWS_CA_BUNDLE or SSL_CERT_FILE at its certificates.",
        )
    if isinstance(problem, ssl.SSLError):
        return HttpError(
            "connect",
            f"{url.origin} does not speak TLS as expected ({problem.reason or 'handshake failed'}).",
            hint="Is it http instead of https?",
        )
    text = problem.strerror or type(problem).__name__
    return HttpError(
        "connect", f"{url.origin} cannot be reached ({text}).", hint="Is it running, and is the URL right?"
    )
