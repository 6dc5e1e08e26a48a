"""An HTTP/1.1 server by hand, in the test's own event loop: it answers byte for byte what a test wants.

    async def handler(exchange: Exchange) -> None:
        await exchange.answer(200, b"{}")

    async with HttpPeer(handler) as peer:
        ...  # peer.url, peer.opened, peer.open

A framework would mend what a test wants broken: bodies that end too soon, chunks cut anywhere, connections that
close at the wrong moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from tests.kit.news import WITHIN


@dataclass(frozen=True, slots=True)
class Request:
    """One request: `target` as it stood in the request line, header names in lower case.

    `pairs` are the headers in their order, `connection` counts connections from 1, `at` is the loop's time.
    """

    method: str
    target: str
    pairs: tuple[tuple[str, str], ...]
    body: bytes
    connection: int
    at: float

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.pairs)


class Exchange:
    """One request and the way to answer it. `gone` is set when the client closed the connection first."""

    def __init__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.request = request
        self.gone = asyncio.Event()
        self.keep = request.headers.get("connection", "").lower() != "close"
        self._writer = writer
        self._started = False
        self._chunked = False

    async def raw(self, data: bytes) -> None:
        """Writes bytes as they are: framing is the test's business."""
        self._started = True
        self._writer.write(data)
        try:
            await self._writer.drain()
        except ConnectionError:
            self.gone.set()

    async def head(self, status: int, headers: Mapping[str, str]) -> None:
        """A status line and headers, nothing added."""
        lines = [f"HTTP/1.1 {status} Reason", *(f"{name}: {value}" for name, value in headers.items())]
        await self.raw("\r\n".join([*lines, "", ""]).encode("latin-1"))

    async def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """A whole answer with Content-Length."""
        own = {"content-type": "application/json", "content-length": str(len(body))}
        await self.head(status, own | dict(headers or {}))
        await self.raw(body)

    async def stream(self, headers: Mapping[str, str] | None = None) -> None:
        """Begins a chunked event stream; `send` and `end` follow."""
        self._chunked = True
        own = {"content-type": "text/event-stream", "transfer-encoding": "chunked"}
        await self.head(200, own | dict(headers or {}))

    async def send(self, data: bytes) -> None:
        """One chunk."""
        await self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self) -> None:
        """The last chunk."""
        await self.raw(b"0\r\n\r\n")

    def cut(self) -> None:
        """Closes the connection, wherever the answer stands."""
        self.keep = False
        self._writer.close()

    @property
    def answered(self) -> bool:
        """Whether anything was written."""
        return self._started


Handler = Callable[[Exchange], Awaitable[None]]
Below = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class HttpPeer:
    """The server. `opened` counts connections, `open` those that are open now.

    With `below` it takes connections as they are, without HTTP. A handler that raises fails the end of the block.
    """

    handler: Handler
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    opened: int = 0
    open: int = 0
    requests: list[Request] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    below: Below | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _quiet: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        """Listens; `port` 0 picks a free one."""
        # The stream's own limit is far above any head; bodies are read by count.
        self._server = await asyncio.start_server(
            self._connected, self.host, port, ssl=self.tls, limit=1 << 20
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Closes every connection and ends every handler."""
        self._server.close()
        await self.hang_up()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        assert self.failures == [], self.failures

    async def hang_up(self) -> None:
        """Closes the connections that are open; new ones are still taken."""
        for writer in list(self._writers):
            writer.close()
        await asyncio.sleep(0)

    async def quiet(self) -> None:
        """Waits until every connection has ended, those that never were included."""
        await asyncio.wait_for(self._quiet.wait(), WITHIN)

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end."""
        return f"http{'s' if self.tls else ''}://{self.host}:{self.port}"

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Not a coroutine: a connection that comes while the peer stops must be known to be closed.
        self.opened += 1
        self.open += 1
        self._quiet.clear()
        self._writers.add(writer)
        task = asyncio.ensure_future(self._serve(reader, writer, self.opened))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(done, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            if self.below is not None:
                await self.below(reader, writer)
            else:
                await _Connection(self, reader, writer, number).run()

    def _ended(self, task: asyncio.Task[None], writer: asyncio.StreamWriter) -> None:
        self._tasks.discard(task)
        self._writers.discard(writer)
        writer.close()
        self.open -= 1
        if not self.open:
            self._quiet.set()
        if not task.cancelled():
            failure = task.exception()
            if failure is not None:
                self.failures.append(failure)


class _Connection:
    def __init__(
        self, peer: HttpPeer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        self._peer, self._reader, self._writer, self._number = peer, reader, writer, number
        self._kept = bytearray()

    async def run(self) -> None:
        while (request := await self._request()) is not None:
            self._peer.requests.append(request)
            exchange = Exchange(request, self._writer)
            watch = asyncio.ensure_future(self._watch(exchange))
            try:
                await self._peer.handler(exchange)
            finally:
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)
            if not exchange.keep or exchange.gone.is_set():
                return

    async def _watch(self, exchange: Exchange) -> None:
        """Reads on while the handler works: the end of the input is the client's hanging up."""
        data = b"."
        while data:
            try:
                data = await self._reader.read(1 << 16)
            except ConnectionError:
                data = b""
            self._kept += data
        exchange.gone.set()

    async def _more(self) -> bool:
        data = await self._reader.read(1 << 18)
        self._kept += data
        return bool(data)

    async def _until(self, mark: bytes) -> bytes | None:
        start = 0
        while (at := self._kept.find(mark, start)) < 0:
            start = max(0, len(self._kept) - len(mark))
            if not await self._more():
                return None
        found = bytes(self._kept[: at + len(mark)])
        del self._kept[: at + len(mark)]
        return found

    async def _exactly(self, count: int) -> bytes:
        while len(self._kept) < count:
            if not await self._more():
                raise asyncio.IncompleteReadError(bytes(self._kept), count)
        found = bytes(self._kept[:count])
        del self._kept[:count]
        return found

    async def _request(self) -> Request | None:
        head = await self._until(b"\r\n\r\n")
        if head is None:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        method, target, _ = first.split(" ")
        pairs = tuple((name.lower(), value.strip()) for name, _, value in (x.partition(":") for x in lines))
        headers = dict(pairs)
        if headers.get("expect", "").lower() == "100-continue":
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = await self._chunks()
        else:
            body = await self._exactly(int(headers.get("content-length", "0")))
        now = asyncio.get_running_loop().time()
        return Request(method, target, pairs, body, self._number, now)

    async def _chunks(self) -> bytes:
        parts = []
        while size := int((await self._until(b"\r\n") or b"0").split(b";")[0], 16):
            parts.append((await self._exactly(size + 2))[:-2])
        await self._until(b"\r\n")
        return b"".join(parts)
