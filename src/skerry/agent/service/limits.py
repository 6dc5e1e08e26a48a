"""Bounds what a request may send, before anything of it is parsed."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skerry.agent.errors import AgentError
from skerry.agent.service.refusals import refusal


class BodyLimit:
    """ASGI middleware: a body beyond `most` bytes gets 413, whether its length was told or not."""

    def __init__(self, app: ASGIApp, *, most: int) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reads the body, then hands the request on."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        told = Headers(scope=scope).get("content-length", "")
        body = bytearray()
        more = True
        while more and len(body) <= self._most and not (told.isdigit() and int(told) > self._most):
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if more or len(body) > self._most:
            error = AgentError(
                "TOO_LARGE", f"the body is larger than {self._most} bytes.", hint="Ask with less."
            )
            await refusal(error)(scope, receive, send)
            return
        await self._app(scope, _replayed(bytes(body), receive), send)


def _replayed(body: bytes, receive: Receive) -> Receive:
    kept: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return kept.pop() if kept else await receive()

    return again
