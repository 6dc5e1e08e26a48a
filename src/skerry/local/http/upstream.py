"""The HTTP client of the planes: requests to agents, functions and MCP servers.

One `Upstream` per process keeps the connections of every origin. It carries bytes: no redirects, no
cookies, no proxies from the environment, no decompression, and the URL exactly as it is given, so that
a percent-encoded ARN stays what the signature covers.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import aiohttp
import yarl

from skerry.errors import SkerryError

Headers = Mapping[str, str] | Iterable[tuple[str, str]]

_LARGE = 1 << 20
_REST = 1 << 16
_FAILURES = (TimeoutError, aiohttp.ClientError, ConnectionError)
_UNTRUSTED = (
    "With an authority of your own: name its certificate in certificateConfigurations, or point "
    "SSL_CERT_FILE at it before the stack starts."
)
_OURS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class UpstreamError(SkerryError):
    """The other side could not be reached, did not answer in time, or ended in the middle.

    `reason` is stable: `connect` (nothing was sent), `timeout`, `closed` (the connection ended before
    the answer was complete), `size` (the answer is larger than the caller takes).
    """

    code = "SKY-108"

    def __init__(
        self, reason: Literal["connect", "timeout", "closed", "size"], message: str, *, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason

    @property
    def unsent(self) -> bool:
        """True when the request surely did not reach the other side, so that it may be sent again."""
        return self.reason == "connect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of an `Upstream`; times in seconds.

    `connections` is per origin; a further request waits for a free one. `read` is the longest silence
    while an answer is awaited or streamed. `keep_alive` stays below the 5 s after which uvicorn closes
    an idle connection, so that a request rarely meets a connection that is just being closed.
    """

    connections: int = 1024
    connect: float = 5.0
    read: float = 900.0
    keep_alive: float = 4.0


class Reply:
    """An answer whose body is still on its way. Read it to the end or `close()` it.

    `headers` are pairs as received; `header(name)` is the first value, whatever the case.
    """

    __slots__ = ("_origin", "_response", "status")

    def __init__(self, response: aiohttp.ClientResponse, origin: str) -> None:
        self._response = response
        self._origin = origin
        self.status: int = response.status

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All headers in the order received."""
        return [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in self._response.raw_headers
        ]

    def header(self, name: str, default: str = "") -> str:
        """The first value of a header, or `default`."""
        return self._response.headers.get(name, default)

    async def chunk(self) -> bytes:
        """The next piece of the body as it arrives, empty at its end.

        Raises UpstreamError (`timeout`, `closed`); a cancelled call closes the connection.
        """
        try:
            return await self._response.content.readany()
        except _FAILURES as problem:
            self._response.close()
            raise _mapped(problem, self._origin) from problem
        except asyncio.CancelledError:
            self._response.close()
            raise

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The body in the pieces in which it arrives. Leaving the loop early closes the connection."""
        complete = False
        try:
            while piece := await self.chunk():
                yield piece
            complete = True
        finally:
            if not complete:
                self._response.close()

    async def read(self, limit: int = 100 << 20) -> bytes:
        """The whole body. Raises UpstreamError (`size` past `limit` bytes, `timeout`, `closed`)."""
        pieces: list[bytes] = []
        size = 0
        while piece := await self.chunk():
            size += len(piece)
            if size > limit:
                self._response.close()
                raise UpstreamError("size", f"{self._origin} answered with more than {limit} bytes.")
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Ends the exchange; an answer that was not read to its end costs the connection."""
        self._response.close()

    async def drain(self, patience: float = 1.0) -> None:
        """Ends the exchange but keeps the connection if the rest, up to 64 KB, comes within `patience` s."""
        if self._response.content.at_eof():
            self._response.close()
            return
        with contextlib.suppress(UpstreamError, TimeoutError):
            async with asyncio.timeout(patience):
                await self.read(_REST)
        self._response.close()


class Upstream:
    """A pool of HTTP/1.1 connections. Use it between `start()` and `close()`, on one event loop."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Makes the pool; no connection is opened yet."""
        if self._session is None:
            limits = self._limits
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, limit_per_host=limits.connections, keepalive_timeout=limits.keep_alive
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                skip_auto_headers=_OURS,
            )

    async def close(self) -> None:
        """Closes every connection, busy ones too."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def request(
        self,
        method: str,
        url: str,
        headers: Headers = (),
        body: bytes | AsyncIterable[bytes] = b"",
        *,
        read: float | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> Reply:
        """Sends one request and returns when the answer's headers are there.

        `url` is sent as it is. `read` replaces the pool's limit on silence, `tls` whom it trusts; its
        connections are of that context alone. A cancelled call closes its connection. Raises UpstreamError
        (`connect`, `timeout`, `closed`).
        """
        if self._session is None:
            raise RuntimeError("Upstream.request before start()")
        try:
            target = yarl.URL(url, encoded=True)
            origin = _origin(target)
        except ValueError as problem:
            raise _unusable(problem) from problem
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        data: bytes | io.BytesIO | AsyncIterable[bytes] | None = body or None
        if isinstance(body, bytes) and len(body) > _LARGE:
            data = io.BytesIO(body)
        silence = self._limits.read if read is None else read
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._limits.connect, sock_read=silence)
        try:
            response = await self._session.request(
                method,
                target,
                headers=list(pairs),
                data=data,
                allow_redirects=False,
                timeout=timeout,
                ssl=tls or True,
            )
        except _FAILURES as problem:
            raise _mapped(problem, origin) from problem
        except ValueError as problem:  # a host that is no name, or a header that cannot be sent
            raise _unusable(problem) from problem
        return Reply(response, origin)


def _origin(url: yarl.URL) -> str:
    return f"{url.scheme}://{url.host}:{url.port}"


def _unusable(problem: ValueError) -> UpstreamError:
    """For a request that cannot be made. The URL is not repeated: it may hold a key."""
    what = "host name" if isinstance(problem, UnicodeError) else "URL or header"
    return UpstreamError("connect", f"The {what} of a request cannot be used.", hint="Check the endpoint.")


def _mapped(problem: BaseException, origin: str) -> UpstreamError:
    if isinstance(problem, aiohttp.ClientConnectorCertificateError):
        why = getattr(problem.certificate_error, "verify_message", "") or "it does not hold"
        return UpstreamError(
            "connect", f"The certificate of {origin} is not trusted: {why}.", hint=_UNTRUSTED
        )
    if isinstance(problem, aiohttp.ClientConnectorSSLError):
        return UpstreamError(
            "connect", f"{origin} does not speak TLS as expected.", hint="Is it http instead of https?"
        )
    if isinstance(
        problem, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.InvalidURL
    ):
        return UpstreamError("connect", f"{origin} cannot be reached.", hint="Is it running?")
    if isinstance(problem, TimeoutError):
        return UpstreamError("timeout", f"{origin} did not answer in time.")
    return UpstreamError("closed", f"{origin} closed the connection before its answer was complete.")
