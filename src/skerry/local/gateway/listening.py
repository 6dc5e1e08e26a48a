"""Streams for what belongs to no call, in both eras: a session's GET stream, and `subscriptions/listen`.

Source: MCP 2025-11-25, transports (listening for messages from the server); MCP 2026-07-28, subscriptions. A
gateway has one thing to say on them: that its list of tools changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.catalogue import Catalogue
from skerry.local.gateway.messages import McpError, Relayed, Request, server_info
from skerry.local.gateway.routes import STREAM_HEADERS
from skerry.local.gateway.sessions import TOOLS_CHANGED
from skerry.local.ports.asgi import Receive, Send
from skerry.relay.faces import translation
from skerry.relay.faces.listeners import Listener
from skerry.wire import eras, jsonrpc, sse
from skerry.wire.jsonrpc import Envelope

METHODS = (TOOLS_CHANGED.method,)
BACKLOG = 64
"""Messages that wait for a client that does not read; more end its stream."""
_BEAT = sse.comment()


class Subscriptions:
    """The open `subscriptions/listen` streams of all gateways, at most `limit` of them."""

    def __init__(self, table: Assumptions, catalogue: Catalogue, *, limit: int, keep_alive: float) -> None:
        self._table = table
        self._catalogue = catalogue
        self._limit = limit
        self._keep_alive = keep_alive
        self._listeners: dict[str, set[Listener]] = {}

    def tell(self, gateway_id: str, message: Envelope) -> None:
        """Says to everybody who listens at a gateway that something changed."""
        for listener in self._listeners.get(gateway_id, ()):
            listener.take(message)

    def forget(self, gateway_id: str) -> None:
        """Ends the streams of a gateway that is deleted."""
        for listener in self._listeners.get(gateway_id, ()):
            listener.end()

    def close(self) -> None:
        """Ends every stream."""
        for gateway_id in self._listeners:
            self.forget(gateway_id)

    def open(self, request: Request) -> Relayed:
        """The answer to `subscriptions/listen`. Raises McpError."""
        wanted = request.params.get("notifications")
        if not isinstance(wanted, dict):
            raise McpError(jsonrpc.INVALID_PARAMS, "params.notifications must be an object.")
        if not request.streams:
            text = "subscriptions/listen is answered with an event stream: accept text/event-stream."
            raise McpError(jsonrpc.INVALID_REQUEST, text, status=406)
        if sum(map(len, self._listeners.values())) >= self._limit:
            raise McpError(jsonrpc.INTERNAL_ERROR, f"{self._limit} subscriptions are open; no more fit in.")
        return Relayed(stream=self._stream(request, wanted.get("toolsListChanged") is True))

    async def _stream(self, request: Request, tools: bool) -> AsyncGenerator[bytes, None]:
        gateway_id = str(request.gateway["gatewayId"])
        listener = Listener(METHODS if tools else (), bound=BACKLOG)
        listeners = self._listeners.setdefault(gateway_id, set())
        listeners.add(listener)
        message = request.message
        try:
            granted = {"toolsListChanged": True} if tools else {}
            first = jsonrpc.notification(eras.ACKNOWLEDGED, {"notifications": granted})
            yield _event(translation.tagged(jsonrpc.parse(first), message))

            def tagged(said: Envelope) -> Envelope:
                return translation.tagged(said, message)

            async with (
                self._catalogue.followed(request.gateway, request.caller, None, told_to(listener)),
                aclosing(told(listener, self._keep_alive, tagged)) as pieces,
            ):
                async for piece in pieces:
                    yield piece
            over = jsonrpc.notification(eras.CANCELLED, {"requestId": message.id})
            yield _event(translation.tagged(jsonrpc.parse(over), message))
            meta = {eras.META_SUBSCRIPTION_ID: message.id, eras.META_SERVER_INFO: server_info(self._table)}
            last: dict[str, Any] = {"resultType": "complete", "_meta": meta}
            yield sse.encode(jsonrpc.response(message.raw_id, last), event="message")
        finally:
            listeners.discard(listener)
            if not listeners and self._listeners.get(gateway_id) is listeners:
                del self._listeners[gateway_id]


async def serve(
    listener: Listener, receive: Receive, send: Send, pieces: AsyncGenerator[bytes, None]
) -> None:
    """A GET stream, until the client closes it or `pieces`, what `listener` hears, end."""
    await send({"type": "http.response.start", "status": 200, "headers": list(STREAM_HEADERS)})
    await send({"type": "http.response.body", "body": _BEAT, "more_body": True})
    gone = asyncio.ensure_future(_gone(receive, listener))
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)


def told_to(listener: Listener) -> Callable[[], None]:
    """What tells a listener that the tools changed."""
    return lambda: listener.take(TOOLS_CHANGED)


async def told(
    listener: Listener,
    keep_alive: float,
    shown: Callable[[Envelope], Envelope] = lambda said: said,
    over: Callable[[], bool] = lambda: False,
) -> AsyncGenerator[bytes, None]:
    """What is told, and a comment whenever nothing was for `keep_alive` seconds.

    `over` is asked then whether the time of the listener has come.
    """
    while True:
        try:
            async with asyncio.timeout(keep_alive):
                message = await listener.next()
        except TimeoutError:
            if over():
                return
            yield _BEAT
            continue
        if message is None:
            return
        yield _event(shown(message))


async def _gone(receive: Receive, listener: Listener) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.end()


def _event(message: Envelope) -> bytes:
    return sse.encode(message.body, event="message")
