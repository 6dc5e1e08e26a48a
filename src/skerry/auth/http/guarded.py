"""GET of a URL that a stranger gave, or a form POST, without becoming the stranger's hand in our network.

This is about server-side request forgery:

    URL ─▶ form ─▶ name resolved once ─▶ every address public? ─▶ connection to it ─▶ 200, JSON, small

For documents at a client id, `jwks_uri` of a client, metadata of an issuer, and token endpoints. The name is
looked up once and the connection goes to the address that was checked, so an answer that changes in between
changes nothing; TLS and `Host` still have the name. Redirects are not followed, and no proxy of the
environment is asked. Source: MCP 2026-07-28, security best practices, server-side request forgery.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Protocol, TypeVar
from urllib.parse import urlencode
from weakref import WeakValueDictionary

import httpcore2

from skerry.auth.http.addresses import Address, is_public
from skerry.auth.http.guarded_urls import Target, loopback_origin, parse
from skerry.errors import GuardError

MAX_DOCUMENT = 64 * 1024
"""Bytes of a key set or of an issuer's metadata."""
STEP, TOTAL = 5.0, 10.0
"""Seconds for one step (name, connection, TLS, each read), and for all of it."""
PER_HOST, MAX_AT_ONCE = 8, 64
"""Fetches at a time from one host and in all, so that hosts that answer slowly delay no other."""
MAX_LOOKUPS = 16
"""Names looked up at a time: a stranger's name server may be slow as well."""
MAX_ADDRESSES = 16

T = TypeVar("T")
_JSON = re.compile(r"application/(?:json|[a-z0-9!#$&^_.-]+\+json)")


class Resolver(Protocol):
    """Looks up a host name."""

    async def addresses(self, host: str, port: int) -> Sequence[Address]:
        """All its addresses, in the order in which to try them. Raises OSError."""
        ...


class SystemResolver:
    """The operating system's resolver, in threads of its own: one that hangs takes no other work with it."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=MAX_LOOKUPS, thread_name_prefix="skerry-resolver")

    async def addresses(self, host: str, port: int) -> Sequence[Address]:
        """As `Resolver`."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return [ip_address(entry[4][0]) for entry in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What a guard reaches the world by. `tls` has the certificates to trust, None for the system's own.

    `step` and `total` are seconds.
    """

    resolver: Resolver = field(default_factory=SystemResolver)
    backend: httpcore2.AsyncNetworkBackend = field(default_factory=httpcore2.AnyIOBackend)
    tls: ssl.SSLContext | None = None
    step: float = STEP
    total: float = TOTAL


@dataclass(frozen=True, slots=True)
class Document:
    """What was fetched; `headers` have names in lower case.

    `body` is empty and `unchanged` true when the document of the `etag` that was sent still holds.
    """

    body: bytes = field(repr=False)
    headers: dict[str, str]
    unchanged: bool = False


class Guard:
    """Fetches JSON documents from the public internet, and from `loopback` origins when some are named.

    `loopback` are origins such as `http://127.0.0.1:8080`: they may be http, have any port, and must lead to
    this machine. `ports` are allowed beside 443. One instance belongs to one event loop.
    """

    def __init__(
        self,
        *,
        loopback: Collection[str] = (),
        ports: Collection[int] = (),
        network: Network | None = None,
    ) -> None:
        self._loopback = frozenset(map(loopback_origin, loopback))
        self._ports = frozenset({443, *ports})
        self._network = network or Network()
        self._tls = self._network.tls
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def target(self, url: str) -> Target:
        """The parts of a URL that may be asked; nothing is sent. Raises GuardError (url)."""
        return parse(url, ports=self._ports, loopback=self._loopback)

    async def fetch(self, url: str) -> bytes:
        """The body of a JSON document of at most 64 KB: fits the port `skerry.auth.ports.Fetch`.

        Raises GuardError.
        """
        return (await self.get(url, limit=MAX_DOCUMENT)).body

    async def get(self, url: str, *, limit: int, etag: str = "") -> Document:
        """A JSON document of at most `limit` bytes; with `etag` a 304 is an answer too.

        Raises GuardError: url, address, unreachable, timeout, status, type, size.
        """
        headers = [("accept", "application/json")]
        if etag:
            headers.append(("if-none-match", etag))
        return await self._asked(
            url, headers, None, lambda answer: _read(answer, limit, conditional=bool(etag))
        )

    async def post(
        self, url: str, form: Mapping[str, str | Sequence[str]], headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Status and body, of at most 64 KB, of a form POST; a field with several values is sent as often.

        Every status is an answer. Raises GuardError: url, address, unreachable, timeout, size.
        """
        sent = [("content-type", "application/x-www-form-urlencoded"), *headers.items()]
        body = urlencode(form, doseq=True, errors="replace").encode("ascii")
        return await self._asked(url, sent, body, _status_and_body)

    async def _asked(
        self,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes | None,
        read: Callable[[httpcore2.Response], Awaitable[T]],
    ) -> T:
        """What `read` makes of the answer to a GET, or with a body to a POST. Raises GuardError."""
        target = self.target(url)
        try:
            async with asyncio.timeout(self._network.total), self._of_host(target.host), self._slots:
                return await self._sent(target, headers, body, read)
        except TimeoutError as error:
            raise GuardError(
                "timeout", f"It did not answer within {self._network.total:g} seconds."
            ) from error
        except httpcore2.TimeoutException as error:
            raise GuardError("timeout", f"A step took longer than {self._network.step:g} seconds.") from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as error:
            raise GuardError("unreachable", "It cannot be reached, or speaks no HTTP.") from error

    def _of_host(self, host: str) -> asyncio.Semaphore:
        """The slots of one host, which are there as long as somebody holds one or waits."""
        return self._hosts.setdefault(host, asyncio.Semaphore(PER_HOST))

    async def _sent(
        self,
        target: Target,
        headers: Sequence[tuple[str, str]],
        body: bytes | None,
        read: Callable[[httpcore2.Response], Awaitable[T]],
    ) -> T:
        pinned = _Pinned(await self._checked(target), target, self._network.backend)
        own = [("host", target.authority), ("accept-encoding", "identity"), ("user-agent", "skerry")]
        length = [] if body is None else [("content-length", str(len(body)))]
        async with (
            httpcore2.AsyncConnectionPool(
                ssl_context=await self._certificates(), max_connections=1, network_backend=pinned
            ) as pool,
            pool.stream(
                "GET" if body is None else "POST",
                httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path),
                headers=[*own, *length, *headers],
                content=body,
                extensions={
                    "timeout": dict.fromkeys(("connect", "read", "write", "pool"), self._network.step)
                },
            ) as answer,
        ):
            return await read(answer)

    async def _checked(self, target: Target) -> list[Address]:
        """The addresses of a target, when each of them is one that may be asked."""
        try:
            found = [ip_address(target.host)]
        except ValueError:
            try:
                async with asyncio.timeout(self._network.step):
                    found = list(await self._network.resolver.addresses(target.host, target.port))
            except (OSError, ValueError) as error:  # TimeoutError is an OSError
                raise GuardError("unreachable", "Its host name cannot be looked up.") from error
        found = list(dict.fromkeys(found))[:MAX_ADDRESSES]
        if not found:
            raise GuardError("unreachable", "Its host name has no address.")
        allowed = all(address.is_loopback if target.loopback else is_public(address) for address in found)
        if not allowed:
            raise GuardError(
                "address",
                "Its host is not a public one."
                if not target.loopback
                else "Its host was allowed as one on this machine and is not on this machine.",
                hint="An origin on this machine must be allowed by name (--dev-allow-loopback-cimd ORIGIN).",
            )
        return found

    async def _certificates(self) -> ssl.SSLContext:
        if self._tls is None:  # reads files: not on the event loop
            self._tls = await asyncio.to_thread(httpcore2.default_ssl_context)
        return self._tls


class _Pinned(httpcore2.AsyncNetworkBackend):
    """Connects to the addresses that were checked, whatever host is asked for."""

    def __init__(
        self, addresses: Iterable[Address], target: Target, backend: httpcore2.AsyncNetworkBackend
    ) -> None:
        self._addresses = tuple(addresses)
        self._target = target
        self._backend = backend

    async def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - replaced by what was checked
        port: int,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        failure: Exception = httpcore2.ConnectError("nothing to connect to")
        for address in self._addresses:
            try:
                return await self._backend.connect_tcp(
                    str(address), self._target.port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


async def _read(answer: httpcore2.Response, limit: int, *, conditional: bool) -> Document:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
    if conditional and answer.status == 304:
        return Document(b"", headers, unchanged=True)
    if answer.status != 200:
        redirects = " Redirects are not followed." if 300 <= answer.status < 400 else ""
        raise GuardError("status", f"It answered {answer.status}, not 200.{redirects}")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if not _JSON.fullmatch(kind) or headers.get("content-encoding", "identity").lower() != "identity":
        raise GuardError("type", "Its content type is not JSON, or it is compressed.")
    return Document(await _whole(answer, limit), headers)


async def _status_and_body(answer: httpcore2.Response) -> tuple[int, bytes]:
    return answer.status, await _whole(answer, MAX_DOCUMENT)


async def _whole(answer: httpcore2.Response, limit: int) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_stream():
        body += chunk
        if len(body) > limit:
            raise GuardError("size", f"It is larger than {limit} bytes.")
    return bytes(body)
