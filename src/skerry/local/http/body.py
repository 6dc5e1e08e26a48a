"""The body of a request on its way to whoever answers it, and the end of its client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from skerry.errors import ServiceError, SkerryError
from skerry.local.http.asgi import ClientGoneError, read_body
from skerry.local.ports.asgi import Receive
from skerry.wire import jsonrpc


class Body:
    """A request body: whole as often as it is asked for, or once as a stream.

    `problem` is why a stream ended early: too large, or the client went away.
    """

    def __init__(self, receive: Receive, limit: int) -> None:
        self.problem: ServiceError | ClientGoneError | None = None
        self._receive = receive
        self._limit = limit
        self._over = asyncio.Event()
        self._head = b""
        self._whole = False

    async def read(self) -> bytes:
        """The whole body. Raises ServiceError (413) past the limit, and ClientGoneError."""
        if not self._whole:
            self._head = await read_body(self._receive, self._limit)
            self._whole = True
            self._over.set()
        return self._head

    async def open(self) -> bytes | AsyncIterator[bytes]:
        """The body: whole where it came in one piece or was read before, else its pieces as they come."""
        if self._whole:
            return self._head
        message = await self._receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        first = bytes(message.get("body", b""))
        self._head = first
        if message.get("more_body"):
            return self._rest(first)
        self._whole = True
        self._over.set()
        if len(first) > self._limit:
            raise self._too_large()
        return first

    async def gone(self) -> None:
        """Returns when the client has gone away, not before the body is there."""
        await self._over.wait()
        while self.problem is None and (await self._receive())["type"] != "http.disconnect":
            pass

    def rpc_id(self) -> bytes:
        """The JSON of the id of a JSON-RPC request, `null` where it is not known."""
        if not self._whole:
            return b"null"
        try:
            return jsonrpc.parse(self._head).raw_id or b"null"
        except jsonrpc.RpcError as problem:
            return problem.raw_id
        except SkerryError:
            return b"null"

    async def _rest(self, first: bytes) -> AsyncIterator[bytes]:
        size, piece, more = 0, first, True
        try:
            while True:
                size += len(piece)
                if size > self._limit:
                    raise self._too_large()
                if piece:
                    yield piece
                if not more:
                    return
                message = await self._receive()
                if message["type"] != "http.request":
                    raise ClientGoneError
                piece, more = message.get("body", b""), bool(message.get("more_body"))
        except (ServiceError, ClientGoneError) as problem:
            self.problem = problem
            raise
        finally:
            self._over.set()

    def _too_large(self) -> ServiceError:
        return ServiceError(
            "RequestEntityTooLargeException", 413, f"The request body is larger than {self._limit} bytes."
        )
