"""ASGI: reading a request's body, sending a whole response, what every response has, and its trace."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

from skerry.errors import ServiceError
from skerry.local.api.rest_json import Reply
from skerry.local.ports.asgi import Message, Receive, Scope, Send
from skerry.wire import trace
from skerry.wire.headers import REQUEST_ID

_REQUEST_ID = REQUEST_ID.lower().encode("ascii")


Serve = TypeVar("Serve", bound=Callable[..., Coroutine[Any, Any, None]])


def traced(serve: Serve) -> Serve:
    """A plane's `__call__` whose requests have a span: in the caller's trace, or the first of a new one."""

    @functools.wraps(serve)
    async def served(plane: Any, scope: Scope, receive: Receive, send: Send) -> None:
        with trace.within(trace.of(scope.get("headers", ()))):
            await serve(plane, scope, receive, send)

    return cast("Serve", served)


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete: nobody reads an answer."""


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole body.

    Raises ServiceError (413) past `limit` bytes, without reading on, and ClientGoneError.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body = bytes(message.get("body", b""))  # the common case: one piece, no copy
        _within(len(body), limit)
        return body
    pieces: list[bytes] = []
    size = 0
    while message["type"] == "http.request":
        piece = message.get("body", b"")
        size += len(piece)
        _within(size, limit)
        pieces.append(piece)
        if not message.get("more_body"):
            return b"".join(pieces)
        message = await receive()
    raise ClientGoneError


async def send_reply(send: Send, reply: Reply) -> None:
    """Sends a response that is there as a whole."""
    headers = [*reply.headers, (b"content-length", str(len(reply.body)).encode("ascii"))]
    if reply.status in (204, 304):
        headers = reply.headers
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _within(size: int, limit: int) -> None:
    if size > limit:
        raise ServiceError(
            "RequestEntityTooLargeException", 413, f"The request body is larger than {limit} bytes."
        )


class Answer:
    """Sees the start of an answer go by: gives it a request id, and remembers its status (0 before)."""

    def __init__(self, send: Send, scope: Scope) -> None:
        self._send = send
        self.status = 0
        self.request_id = scope["skerry.request_id"] = str(uuid.uuid4())

    async def send(self, message: Message) -> None:
        """The `send` that planes get."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            given = next((value for name, value in headers if name.lower() == _REQUEST_ID), None)
            if given is None:
                message["headers"] = [*headers, (_REQUEST_ID, self.request_id.encode("ascii"))]
            else:
                self.request_id = given.decode("latin-1")
        await self._send(message)
