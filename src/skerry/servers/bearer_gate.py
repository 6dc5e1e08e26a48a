"""Keeps an MCP endpoint behind bearer tokens where no runtime in front has checked them.

A JSON-RPC `ping` passes without a token: health probes carry none (AgentCore's sidecar sends such pings;
reported for it, not documented).
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skerry.errors import ProtocolError
from skerry.servers.http_auth import ProtectedResource, RefusedError
from skerry.wire import jsonrpc

MAX_PING = 4096


class BearerGate:
    """ASGI middleware: requests to the resource's path need one of its tokens, all others pass."""

    def __init__(self, app: ASGIApp, *, resource: ProtectedResource, path: str, scope: str = "") -> None:
        self._app, self._resource, self._path, self._scope = app, resource, path, scope

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 400, 401 or 403 by itself, or hands the request on."""
        if scope["type"] != "http" or scope["path"].rstrip("/") != self._path:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["method"] == "POST" and "authorization" not in headers:
            first = await receive()
            if _is_ping(first):
                await self._app(scope, _replay(first, receive), send)
                return
        try:
            await self._resource.authorize(headers, self._scope)
        except RefusedError as error:
            await error.response(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_ping(message: Message) -> bool:
    """Whether the first piece of a body is a whole and small ping."""
    body = message.get("body", b"")
    if message["type"] != "http.request" or message.get("more_body") or len(body) > MAX_PING:
        return False
    try:
        envelope = jsonrpc.parse(body)
    except ProtocolError:
        return False
    return envelope.kind == "request" and envelope.method == "ping"


def _replay(first: Message, receive: Receive) -> Receive:
    """`receive` with a message that was taken from it put back in front."""
    kept = [first]

    async def again() -> Message:
        return kept.pop() if kept else await receive()

    return again
