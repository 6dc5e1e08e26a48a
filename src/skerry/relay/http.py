"""HTTP/1.1 to one place after another: connections that are kept, bodies as they arrive.

The parser is llhttp (httptools), TLS is the standard library's; what is here is the pool and the waiting.
It exists because the proxy's start and its CPU per call are a budget that the full clients exceed several
times. It carries bytes: no redirects, no cookies, no decompression, and the target exactly as it is given,
so that a percent-encoded ARN stays what the signature covers.

Source: RFC 9112 (HTTP/1.1), RFC 9110 §9.3.6 (CONNECT).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

import httptools

from skerry.errors import ConfigurationError, SkerryError

if TYPE_CHECKING:
    import ssl

Pair = tuple[str, str]
Reason = Literal["connect", "timeout", "closed", "malformed", "size"]

_BUFFER = 1 << 18
_MAX_HEAD = 1 << 18
_JOIN = 1 << 16


class HttpError(SkerryError):
    """No usable answer.

    `reason` is stable: `connect` (nothing was sent), `timeout` (silence), `closed` (the connection ended
    first), `malformed` (that is no HTTP), `size` (larger than the caller takes).
    """

    code = "SKY-108"

    def __init__(self, reason: Reason, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Url:
    """Where a request goes. `target` is path and query as they stand in the request line."""

    scheme: str
    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, text: str) -> Url:
        """The parts of an absolute http or https URL. Raises ConfigurationError for anything else."""
        hint = "An URL looks like https://host/mcp."
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port
        except ValueError as problem:
            raise ConfigurationError(f"'{_shown(text)}' is no URL.", hint=hint) from problem
        if parts.scheme not in ("http", "https") or not host:
            raise ConfigurationError(f"'{_shown(text)}' is no http or https URL.", hint=hint)
        if parts.username is not None or parts.password is not None:
            raise ConfigurationError("A URL must not hold a user name or password.", hint=hint)
        target = parts.path or "/"
        if parts.query:
            target += "?" + parts.query
        if not target.isascii() or not target.isprintable() or " " in target or not host.isprintable():
            raise ConfigurationError("The URL holds characters that must be percent-encoded.", hint=hint)
        return cls(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), target)

    @property
    def authority(self) -> str:
        """The value of the Host header: without the port where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        plain = self.port == (443 if self.scheme == "https" else 80)
        return host if plain else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme and authority, for messages to people."""
        return f"{self.scheme}://{self.authority}"


class Reply:
    """An answer whose body is still on its way. Read it to the end or `close()` it.

    `headers` are pairs as received, names in lower case. Silence is measured from the last byte.
    """

    __slots__ = (
        "_connection",
        "_done",
        "_failure",
        "_leaving",
        "_pieces",
        "_silence",
        "_since",
        "_size",
        "_waiter",
        "_watch",
        "raw_headers",
        "status",
    )

    def __init__(self, connection: _Connection) -> None:
        self.status = 0
        self.raw_headers: list[tuple[bytes, bytes]] = []
        self._connection: _Connection | None = connection
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._done = False
        self._leaving = False
        self._failure: HttpError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._silence: float | None = None
        self._since = 0.0

    @property
    def headers(self) -> list[Pair]:
        """All headers in the order received."""
        return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in self.raw_headers]

    def header(self, name: str, default: str = "") -> str:
        """The first value of a header, given in lower case, or `default`."""
        wanted = name.encode("latin-1")
        for known, value in self.raw_headers:
            if len(known) == len(wanted) and known.lower() == wanted:
                return value.decode("latin-1")
        return default

    async def chunk(self, silence: float | None = None) -> bytes:
        """The next piece of the body as it arrives, empty at its end.

        `silence` is the longest wait in seconds. Raises HttpError (`timeout`, `closed`, `malformed`); a
        cancelled or failed read closes the connection.
        """
        while not self._pieces:
            if self._failure is not None:
                raise self._failure
            if self._done:
                return b""
            await self._wait(silence)
        piece = self._pieces.popleft()
        self._size -= len(piece)
        if self._connection is not None and self._size < _BUFFER // 2:
            self._connection.resume()
        return piece

    async def head(self, silence: float | None) -> None:
        """Returns with the first byte of the body, or its end: until then there is nothing to do."""
        while not (self._pieces or self._done):
            if self._failure is not None:
                raise self._failure
            await self._wait(silence)

    async def read(self, limit: int, silence: float | None = None) -> bytes:
        """The whole body. Raises HttpError (`size` past `limit` bytes, and those of `chunk`)."""
        pieces: list[bytes] = []
        size = 0
        while piece := await self.chunk(silence):
            size += len(piece)
            if size > limit:
                self.close()
                raise HttpError("size", f"The answer has more than {limit} bytes.")
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Ends the exchange; an answer that was not read to its end costs the connection."""
        self._stop_watch()
        connection, self._connection = self._connection, None
        if connection is not None and not self._done:
            connection.abort()

    def leave(self, patience: float = 1.0) -> None:
        """Stops reading without waiting: the connection is kept if the rest, at most 64 KB, comes soon."""
        connection = self._connection
        if connection is None or self._done:
            return
        self._leaving = True
        self._stop_watch()
        self._watch = asyncio.get_running_loop().call_later(patience, self.close)
        connection.resume()

    async def _wait(self, silence: float | None) -> None:
        """Until something arrives. One timer serves the whole exchange: it looks when the last byte came."""
        loop = asyncio.get_running_loop()
        self._waiter = waiter = loop.create_future()
        self._since = loop.time()
        self._silence = silence
        if self._watch is None and silence is not None:
            self._watch = loop.call_later(silence, self._look, loop)
        try:
            await waiter
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._waiter = None

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._watch = None
        silence = self._silence
        if silence is None or self._done:
            return
        waited = loop.time() - self._since
        if self._waiter is None or waited < silence - 0.001:  # it is we who are slow, or something came
            left = silence if self._waiter is None else silence - waited
            self._watch = loop.call_later(left, self._look, loop)
            return
        self.fail(HttpError("timeout", "The server fell silent."))
        self.close()

    def _stop_watch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def wake(self) -> None:
        """Something changed: whoever reads looks again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def feed(self, piece: bytes) -> bool:
        """Takes a piece of the body; True when enough is waiting to be read."""
        self._size += len(piece)
        if self._leaving:
            if self._size > _JOIN:
                self.close()
            return False
        self._pieces.append(piece)
        self.wake()
        return self._size > _BUFFER

    def finish(self) -> None:
        """The body is complete."""
        self._done = True
        self._connection = None
        self._stop_watch()
        self.wake()

    def fail(self, failure: HttpError) -> None:
        """The body will not be complete."""
        if not self._done and self._failure is None:
            self._failure = failure
            self._stop_watch()
            self.wake()


class _Connection(asyncio.Protocol):
    """One connection: an exchange at a time, then back to its pool."""

    def __init__(self, pool: Pool, key: object) -> None:
        self._pool = pool
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
        """Whether another request may go out here."""
        return self._reply is None and not self._closing and not self._transport.is_closing()

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
        self._pool.forget(self)

    # ── httptools ───────────────────────────────────────────────────────────────────────────────

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
            self._pool.release(self)
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
        self._resting: dict[object, list[_Connection]] = {}
        self._open: set[_Connection] = set()
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
        await asyncio.sleep(0)  # transports close in the next turn of the loop

    def release(self, connection: _Connection) -> None:
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

    def forget(self, connection: _Connection) -> None:
        """A connection has ended."""
        self._open.discard(connection)
        resting = self._resting.get(connection.key)
        if resting is not None and connection in resting:
            resting.remove(connection)

    def _rested(self, url: Url) -> _Connection | None:
        resting = self._resting.get(_key(url))
        while resting:
            connection = resting.pop()  # the one used last is the least likely to be stale
            if connection.usable:
                return connection
        return None

    def _absolute(self, url: Url) -> bool:
        return url.scheme == "http" and self._proxy is not None and self._proxy(url) is not None

    async def _connected(self, url: Url) -> _Connection:
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

    async def _direct(self, url: Url) -> _Connection:
        loop = asyncio.get_running_loop()
        secure = url.scheme == "https"
        _, connection = await loop.create_connection(
            lambda: _Connection(self, _key(url)),
            url.host,
            url.port,
            ssl=self._secured() if secure else None,
            server_hostname=url.host if secure else None,
            happy_eyeballs_delay=0.25,
        )
        return connection

    async def _through(self, proxy: Url, url: Url) -> _Connection:
        loop = asyncio.get_running_loop()
        if url.scheme == "http":
            _, connection = await loop.create_connection(
                lambda: _Connection(self, _key(url)), proxy.host, proxy.port
            )
            return connection
        transport, tunnel = await loop.create_connection(_Tunnel, proxy.host, proxy.port)
        try:
            await tunnel.open(url, self._proxy_authorization, proxy)
            connection = _Connection(self, _key(url))
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


class _Tunnel(asyncio.Protocol):
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


def default_tls() -> ssl.SSLContext:
    """The system's certificates, or those of certifi where the system has none."""
    import ssl

    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"] and not ssl.get_default_verify_paths().capath:
        with contextlib.suppress(ImportError):
            import certifi

            context.load_verify_locations(certifi.where())
    return context


def tls_with(bundle: str) -> Callable[[], ssl.SSLContext]:
    """A context maker that trusts the certificates of a file (`AWS_CA_BUNDLE`).

    The maker raises ConfigurationError when the file cannot be used.
    """

    def make() -> ssl.SSLContext:
        import ssl

        try:
            return ssl.create_default_context(cafile=bundle)
        except (OSError, ssl.SSLError) as problem:
            raise ConfigurationError(f"The CA bundle {bundle} cannot be used.") from problem

    return make


def basic(user: str, password: str) -> str:
    """The value of an Authorization header for user and password (RFC 7617)."""
    pair = f"{unquote(user)}:{unquote(password)}".encode()
    return "Basic " + base64.b64encode(pair).decode("ascii")


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


def _shown(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text[:120])
