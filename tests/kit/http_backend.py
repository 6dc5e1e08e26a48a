"""An HTTP service as the targets of a gateway have it: remembers every request as it came, answers as told.

    with http_backend() as backend:
        httpx2.post(f"{backend.url}/echo", content=b"x")
        backend.seen[-1].body

Paths that do more than `backend.reply`: `/echo` sends the body back piece by piece as it arrives, `/held` sends
one piece and the next when `release` is set, `/hang` answers nothing until its client goes (`left`), `/cut` ends
in the middle of its answer.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.kit.asgi_thread import body_of, serve

WAIT = 20.0


@dataclass(frozen=True)
class Seen:
    """One request: `path` and `query` raw, header names in lower case."""

    method: str
    path: str
    query: str
    pairs: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.pairs)


@dataclass
class HttpBackend:
    """A running service; `reply` is status, headers and body of an ordinary answer."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    reply: tuple[int, dict[str, str], bytes] = (200, {"content-type": "application/json"}, b"{}")
    arrived: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        pairs = tuple((name.decode(), value.decode("latin-1")) for name, value in scope["headers"])
        path, query = scope["raw_path"].decode(), scope["query_string"].decode()
        streams = path.endswith("/echo")
        body = b"" if streams else await body_of(receive)
        self.seen.append(Seen(scope["method"], path, query, pairs, body))
        if streams:
            await self._echo(receive, send)
        elif path.endswith("/held"):
            await self._held(send)
        elif path.endswith("/hang"):
            await receive()
            self.left.set()
        elif path.endswith("/cut"):
            await _start(send, 200, {"content-length": "100"})
            await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        else:
            status, headers, content = self.reply
            await _start(send, status, headers)
            await send({"type": "http.response.body", "body": content})

    async def _echo(self, receive: Any, send: Any) -> None:
        await _start(send, 200, {"content-type": "application/octet-stream"})
        more = True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            if piece := message.get("body", b""):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                self.arrived.set()
        await send({"type": "http.response.body", "body": b""})

    async def _held(self, send: Any) -> None:
        await _start(send, 200, {"content-type": "text/event-stream"})
        await send({"type": "http.response.body", "body": b"data: one\n\n", "more_body": True})
        await asyncio.to_thread(self.release.wait, WAIT)
        await send({"type": "http.response.body", "body": b"data: two\n\n"})


async def _start(send: Any, status: int, headers: dict[str, str]) -> None:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


@contextmanager
def http_backend(*, tls: ssl.SSLContext | None = None) -> Iterator[HttpBackend]:
    """A running service on a free port of 127.0.0.1, over https with `tls`."""
    backend = HttpBackend()
    with serve(backend, lifespan="off", tls=tls) as url:
        backend.url = url
        yield backend
