"""A relay on loopback in front of what the suite tests; what it changes is up to those who are made of it.

Everything goes through as it is, event streams piece by piece; the values of headers without the blanks around them,
which are no part of them (RFC 9110, 5.5).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from skerry.local.http.upstream import Reply, Upstream

Pairs = list[tuple[bytes, bytes]]
OURS = frozenset({b"content-length", b"connection", b"transfer-encoding", b"keep-alive"})


class Relay:
    """Stands in front of `url`. Subclasses change what is asked and answered."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._upstream = Upstream()

    def asked(self, body: bytes, headers: Pairs) -> tuple[bytes, Pairs]:
        """What is sent on for a request."""
        return body, headers

    def answered(self, body: bytes) -> bytes:
        """What is sent back for an answer that is no stream."""
        return body

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        kept = [(name, value.strip(b" \t")) for name, value in scope["headers"] if name not in OURS]
        body, headers = self.asked(body, kept)
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        async with AsyncExitStack() as stack:
            reply = await self._upstream.request(scope["method"], self._url, pairs, body)
            stack.callback(reply.close)
            await _while_connected(self._answer(reply, send), receive)

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        await self._upstream.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._upstream.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, reply: Reply, send: Any) -> None:
        streams = reply.header("content-type").startswith("text/event-stream")
        head = [
            (name.encode("latin-1").lower(), value.encode("latin-1"))
            for name, value in reply.headers
            if name.lower().encode() not in OURS
        ]
        whole = b"" if streams else self.answered(await reply.read())
        if not streams:
            head.append((b"content-length", b"%d" % len(whole)))
        await send({"type": "http.response.start", "status": reply.status, "headers": head})
        if streams:
            while piece := await reply.chunk():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": whole})


class WithToken(Relay):
    """Adds a bearer token to every request: the suite sends none."""

    def __init__(self, url: str, token: Callable[[], str]) -> None:
        super().__init__(url)
        self._token = token

    def asked(self, body: bytes, headers: Pairs) -> tuple[bytes, Pairs]:
        return body, [*headers, (b"authorization", f"Bearer {self._token()}".encode())]


async def _while_connected(work: Any, receive: Callable[[], Any]) -> None:
    """Does the work unless the client leaves first, which then reaches the server as well."""
    tasks = {asyncio.ensure_future(work), asyncio.ensure_future(receive())}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
