"""One request of a client and its answer over HTTP: a JSON body, or an event stream where one is needed.

Source: MCP, Streamable HTTP: the server chooses. A body is cheaper for everybody, so it is the answer unless
something comes before it, or it takes so long that the connection must be kept awake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from skerry.relay.ports import Emit, RelayError
from skerry.wire import eras, jsonrpc, sse
from skerry.wire.eras import Era
from skerry.wire.jsonrpc import Envelope

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Pair = tuple[bytes, bytes]

PATIENCE = 0.5
"""Seconds without an answer after which the stream begins."""
KEEP_ALIVE = 15.0
"""Seconds between two comments on a quiet stream."""
JSON: Pair = (b"content-type", b"application/json")
STREAM: tuple[Pair, ...] = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)
_BEAT = sse.comment()


async def reply(send: Send, status: int, body: bytes, *headers: Pair) -> None:
    """A whole answer; JSON unless it is empty."""
    kind = (JSON,) if body else ()
    length = (b"content-length", str(len(body)).encode("ascii"))
    await send({"type": "http.response.start", "status": status, "headers": [*kind, length, *headers]})
    await send({"type": "http.response.body", "body": body})


async def left(receive: Receive) -> None:
    """Returns when the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Stream:
    """An event stream to a client. `headers` go out with its head."""

    def __init__(self, send: Send, headers: tuple[Pair, ...] = ()) -> None:
        self.begun = False
        self._ended = False
        self._send = send
        self._headers = headers
        self._beating: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    async def begin(self) -> None:
        """Sends the head, once, with a first comment so that intermediaries let it through."""
        async with self._turn:
            if not self.begun:
                head = [*STREAM, *self._headers]
                await self._send({"type": "http.response.start", "status": 200, "headers": head})
                self.begun = True
                await self._write(_BEAT)
                self._beating = asyncio.create_task(self._beat())

    async def event(self, message: Envelope) -> bool:
        """Sends one message on a stream that has begun; False when it has ended."""
        async with self._turn:
            if self._ended:
                return False
            await self._write(sse.encode(message.body))
            return True

    async def end(self, last: bytes = b"") -> None:
        """Ends the stream, with a last message if there is one."""
        self.stop()
        async with self._turn:
            self._ended = True
            body = sse.encode(last) if last else b""
            await self._send({"type": "http.response.body", "body": body, "more_body": False})

    def stop(self) -> None:
        """No more comments."""
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None

    async def _write(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(KEEP_ALIVE)
            async with self._turn:
                await self._write(_BEAT)


class Exchange:
    """Answers one request with what comes of it.

    `era` is the client's: a modern one that leaves cancels its call, a legacy one does not. `streams` says
    whether the client takes an event stream. `elsewhere` gets what can no longer be said here. `headers` go
    out with the answer.
    """

    def __init__(
        self,
        send: Send,
        receive: Receive,
        *,
        era: Era,
        streams: bool,
        elsewhere: Emit,
        headers: tuple[Pair, ...] = (),
        relayed: bool = False,
    ) -> None:
        self._relayed = relayed
        self.headers = headers
        self._send = send
        self._receive = receive
        self._era = era
        self._streams = streams
        self._elsewhere = elsewhere
        self._stream = Stream(send, headers)
        self._closed = False
        self._gone = False
        self._late: asyncio.Task[None] | None = None
        self._task: asyncio.Task[Any] | None = None

    async def emit(self, message: Envelope) -> None:
        """Takes what the server says before its answer."""
        if not self._closed and self._streams:
            if not self._stream.begun:
                await self._stream.begin()
                self._lengthen()
            if await self._stream.event(message):
                return
        await self._elsewhere(message)

    async def answer(self, request: Envelope, work: Awaitable[Envelope]) -> None:
        """Answers with the response that `work` gives. Returns too when the client has left."""
        self._task = asyncio.current_task()
        timer = asyncio.get_running_loop().call_later(PATIENCE, self._lengthen)
        try:
            try:
                response = await work
                status, body = self._status(response), response.body
            except RelayError as problem:
                status = 503 if problem.reason == "throttled" else 200
                body = problem.answer(request.raw_id)
            timer.cancel()
            await self._finish(status, body)
        except asyncio.CancelledError:
            if not self._gone or self._task is None or self._task.uncancel():
                raise  # the bridge ends; else it was the client who left
        finally:
            timer.cancel()
            self._stream.stop()
            if self._late is not None:
                self._late.cancel()

    async def _finish(self, status: int, body: bytes) -> None:
        self._closed = True
        if self._late is not None:  # nothing else may begin the stream from here on
            self._late.cancel()
            await asyncio.wait({self._late})
        if self._stream.begun:
            await self._stream.end(body)
        else:
            await reply(self._send, status, body, *self.headers)

    def _status(self, response: Envelope) -> int:
        code = response.error.get("code") if response.error is not None else None
        if self._relayed:  # the Runtime would put -32010 in the place of an error with another status
            return 200
        return eras.error_status(code, "modern") if isinstance(code, int) and self._era == "modern" else 200

    def _lengthen(self) -> None:
        """No answer yet: the stream begins, so that comments can keep the connection awake."""
        if self._late is None:
            self._late = asyncio.create_task(self._wait())

    async def _wait(self) -> None:
        if self._streams:
            await self._stream.begin()
        await left(self._receive)
        self._closed = self._gone = True
        self._stream.stop()
        if self._era == "modern" and self._task is not None:
            self._task.cancel()


def failure(code: int, message: str, raw_id: bytes = b"null", data: object = None) -> bytes:
    """The body of an HTTP error: a JSON-RPC error, so that clients find the reason where they look."""
    return jsonrpc.error(raw_id, code, message, data)
