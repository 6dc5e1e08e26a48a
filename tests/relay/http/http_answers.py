"""Answers byte by byte, and how the tests of the HTTP client ask for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from skerry.relay.http import Pool, Url
from tests.kit.http_peer import Exchange, HttpPeer

LIMIT = 1 << 26
TURNS = 3
"""Turns of the event loop in which what one side wrote has surely reached the other."""

Handler = Callable[[Exchange], Awaitable[None]]


async def get(pool: Pool, peer: HttpPeer, target: str = "/", *, silence: float = 5.0) -> tuple[int, bytes]:
    """Status and body of a GET."""
    reply = await pool.request("GET", Url.parse(peer.url + target), (), silence=silence)
    return reply.status, await reply.read(LIMIT, silence)


def saying(*pieces: bytes, close: bool = False) -> Handler:
    """A handler that writes these bytes, one piece in a turn of the loop."""

    async def handler(exchange: Exchange) -> None:
        for piece in pieces:
            await exchange.raw(piece)
            for _ in range(TURNS):
                await asyncio.sleep(0)
        if close:
            exchange.cut()

    return handler


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"he", b"llo")
CLOSED = b"HTTP/1.1 200 OK\r\n\r\nhello"
