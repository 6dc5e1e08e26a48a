"""Invocations whose answers go out while they come in, and InvokeWithResponseStream.

A client that goes away ends nothing: the function runs on, as on Lambda.

Source: service model of Lambda (2021-11-15), InvokeWithResponseStream; Lambda developer guide, "Response
streaming".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from skerry.local.api import eventstream
from skerry.local.functions.invocation import Invocation, Outcome, Stream
from skerry.local.functions.pool import Pool
from skerry.local.functions.replies import request_id_header
from skerry.local.ports.asgi import Receive, Send

Passing = Callable[[Stream, "asyncio.Task[Outcome]"], Awaitable[None]]


class Streams:
    """The invocations that run now, with or without somebody who listens."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Outcome]] = set()

    async def run(self, pool: Pool, invocation: Invocation, receive: Receive, passing: Passing) -> bool:
        """Runs an event and lets `passing` pass its answer on; False when the client went away before.

        Raises what the pool does, through `passing`.
        """
        stream = invocation.stream
        assert stream is not None
        running = asyncio.create_task(pool.invoke(invocation))
        self._running.add(running)
        running.add_done_callback(lambda task: self._ended(task, stream))
        gone = asyncio.create_task(_gone(receive))
        going = asyncio.ensure_future(passing(stream, running))
        try:
            await asyncio.wait((gone, going), return_when=asyncio.FIRST_COMPLETED)
            if going.done():
                going.result()
            return going.done()
        finally:
            stream.leave()
            gone.cancel()
            going.cancel()
            await asyncio.gather(gone, going, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Outcome], stream: Stream) -> None:
        self._running.discard(task)
        if task.cancelled() or task.exception() is not None:
            stream.end("Runtime.Ended")
        else:
            stream.end(task.result().error)


async def begun(stream: Stream, running: asyncio.Task[Outcome]) -> bool:
    """Whether the answer is streamed; False when it is there as a whole, or never comes."""
    beginning = asyncio.create_task(stream.begun.wait())
    try:
        await asyncio.wait((beginning, running), return_when=asyncio.FIRST_COMPLETED)
    finally:
        beginning.cancel()
    return stream.begun.is_set()


async def send_events(
    send: Send,
    invocation: Invocation,
    stream: Stream,
    running: asyncio.Task[Outcome],
    done: Callable[[str], None],
    *,
    version: str,
) -> None:
    """The answer of InvokeWithResponseStream by a version of a function.

    `done` is told of an error before the last event goes out.

    Raises ServiceError when the function does not run at all.
    """
    streamed = await begun(stream, running)
    first = b"" if streamed else (await running).payload
    kind = stream.content_type if streamed else "application/json"
    headers = [
        *request_id_header(invocation.id),
        (b"content-type", eventstream.CONTENT_TYPE.encode()),
        (b"x-amz-executed-version", version.encode()),
        (b"x-amzn-remapped-content-type", kind.encode("latin-1", "replace")),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    failed = not streamed and running.result().error
    piece: bytes | None = first
    while piece is not None and not failed:
        if piece:
            await send({"type": "http.response.body", "body": _chunk(piece), "more_body": True})
        piece = await stream.read()
    outcome = await running
    complete: dict[str, str] = {}
    if outcome.error:
        complete = {"ErrorCode": outcome.error, "ErrorDetails": outcome.payload.decode("utf-8", "replace")}
    done(outcome.error)
    await send({"type": "http.response.body", "body": eventstream.event("InvokeComplete", complete)})


def _chunk(piece: bytes) -> bytes:
    headers = {
        ":event-type": "PayloadChunk",
        ":content-type": "application/octet-stream",
        ":message-type": "event",
    }
    return eventstream.encode(headers, piece)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
