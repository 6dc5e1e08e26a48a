"""The place on this machine that a browser is sent back to after a sign-in. It answers one redirect and ends.

Sources: RFC 8252 §7.3 and §8 (loopback redirects of native apps), RFC 9700 §4.4.2.2 (a redirect URI for each
issuer). Only the exact path, with the exact state, counts; anything else that knocks gets a refusal and
changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from skerry.errors import PortInUseError, RemoteError

PATH = "/callback"
MAX_HEAD = 16_384
HEAD_TIMEOUT = 10.0
"""Seconds in which a request has to be there."""

_DONE = "Back to the terminal", "skerry has its answer. You can close this."
_NOT_HERE = "Nothing here", "This page only takes the answer of a sign-in."
_HEADERS = (
    "Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n"
    "X-Content-Type-Options: nosniff\r\nConnection: close\r\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """Where a browser comes back to. `port` 0 is any; one that is `fixed` must be free."""

    path: str = PATH
    port: int = 0
    fixed: bool = False


ANYWHERE = WayBack()


def path_of(issuer: str) -> str:
    """The path of one issuer's redirects: what is registered with it fits no client of another one."""
    return f"{PATH}/{hashlib.sha256(issuer.encode()).hexdigest()[:32]}"


class Listener:
    """Waits for the redirect that brings `state` to `path`. Use `listening`."""

    def __init__(self, state: str, path: str = PATH) -> None:
        self._state = state
        self._path = path
        self._answer: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        self.port = 0

    @property
    def redirect_uri(self) -> str:
        """What to register with the provider; RFC 8252 lets the port differ."""
        return f"http://127.0.0.1:{self.port}{self._path}"

    async def answer(self, timeout: float) -> Mapping[str, str]:  # noqa: ASYNC109  (the caller's seconds)
        """The parameters of the redirect. Raises RemoteError when nobody comes back within `timeout`."""
        try:
            return await asyncio.wait_for(self._answer, timeout)
        except TimeoutError as error:
            raise RemoteError(
                f"the browser did not come back within {timeout:g} seconds.",
                hint="Sign in again, and finish in the browser.",
            ) from error

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one connection."""
        try:
            async with asyncio.timeout(HEAD_TIMEOUT):
                head = await reader.readuntil(b"\r\n\r\n")
            status, (title, text) = self._take(head.decode("latin-1"))
            page = (
                f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
                f"<body style='font-family:sans-serif;margin:4em auto'><h1>{title}</h1><p>{text}"
            ).encode()
            head_line = f"HTTP/1.1 {status}\r\n{_HEADERS}Content-Length: {len(page)}\r\n\r\n"
            writer.write(head_line.encode("ascii") + page)
            await writer.drain()
        except (TimeoutError, OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever that was, it was no redirect
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _take(self, head: str) -> tuple[str, tuple[str, str]]:
        line, *rest = head.split("\r\n")
        method, _, target = line.partition(" ")
        path, _, query = target.partition(" ")[0].partition("?")
        hosts = [
            value.strip()
            for name, _, value in (item.partition(":") for item in rest)
            if name.lower() == "host"
        ]
        if method != "GET" or path != self._path or hosts != [f"127.0.0.1:{self.port}"]:
            return "404 Not Found", _NOT_HERE
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=50)
        given = dict(pairs)
        state = given.get("state", "").encode("utf-8", "replace")
        if len(given) != len(pairs) or not hmac.compare_digest(state, self._state.encode()):
            return "400 Bad Request", _NOT_HERE
        if self._answer.done():
            return "410 Gone", _NOT_HERE
        self._answer.set_result(given)
        return "200 OK", _DONE


@contextlib.asynccontextmanager
async def listening(state: str, *, port: int = 0, path: str = PATH) -> AsyncIterator[Listener]:
    """A listener on 127.0.0.1, for as long as the block lasts; port 0 takes any free one.

    Raises PortInUseError.
    """
    listener = Listener(state, path)
    try:
        server = await asyncio.start_server(listener.serve, "127.0.0.1", port, limit=MAX_HEAD)
    except OSError as error:
        raise PortInUseError(
            f"port {port} for the browser's way back is taken.", hint="Choose another one, or none."
        ) from error
    try:
        listener.port = server.sockets[0].getsockname()[1]
        yield listener
    finally:
        server.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 1)
