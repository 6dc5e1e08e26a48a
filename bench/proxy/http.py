"""A lean HTTP/1.1 client on bare keep-alive sockets, so that the client is not what limits a bridge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
LIMIT = 1 << 28


class HttpError(OSError):
    """The other side did not speak HTTP to the end."""


class Response:
    """An answer whose body is still to be read; header names in lower case."""

    def __init__(self, status: int, headers: dict[str, str], reader: asyncio.StreamReader) -> None:
        self.status, self.headers, self._reader = status, headers, reader
        self.finished = False

    @property
    def is_stream(self) -> bool:
        return "event-stream" in self.headers.get("content-type", "")

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives."""
        reader = self._reader
        if self.status in (204, 304):
            pass
        elif "chunked" in self.headers.get("transfer-encoding", ""):
            while size := int((await reader.readline()).split(b";")[0] or b"0", 16):
                yield (await reader.readexactly(size + 2))[:-2]
            await reader.readline()
        elif "content-length" in self.headers:
            yield await reader.readexactly(int(self.headers["content-length"]))
        else:
            while piece := await reader.read(65536):
                yield piece
        self.finished = "close" not in self.headers.get("connection", "").lower()

    async def body(self) -> bytes:
        return b"".join([piece async for piece in self.pieces()])

    async def events(self) -> AsyncIterator[bytes]:
        """The data of each event that is on one line."""
        rest = bytearray()
        async for piece in self.pieces():
            searched = len(rest)
            rest += piece
            while (end := rest.find(b"\n", searched)) >= 0:
                line = bytes(rest[:end]).strip()
                del rest[: end + 1]
                searched = 0
                if line.startswith(b"data:") and line[5:].strip():
                    yield line[5:].strip()


class Http:
    """A pool of connections to one port of this machine."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._idle: list[Streams] = []

    def exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"", *, fresh: bool = False
    ) -> Exchange:
        """One request; `fresh` opens a connection of its own for it."""
        names = {"host": f"127.0.0.1:{self.port}", "content-length": str(len(body)), **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in names.items())
        return Exchange(self, f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body, fresh=fresh)

    async def take(self, *, fresh: bool) -> Streams:
        while self._idle and not fresh:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self.port, limit=LIMIT)

    def give(self, streams: Streams) -> None:
        self._idle.append(streams)

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()


class Exchange:
    """A request in flight, as a context manager; leaving before the end of the body closes the connection."""

    def __init__(self, http: Http, request: bytes, *, fresh: bool) -> None:
        self._http, self._request, self._fresh = http, request, fresh
        self._streams: Streams | None = None
        self._response: Response | None = None

    async def __aenter__(self) -> Response:
        self._streams = await self._http.take(fresh=self._fresh)
        try:
            reader, writer = self._streams
            writer.write(self._request)
            await writer.drain()
            self._response = await self._head(reader)
        except BaseException:
            self._streams[1].close()
            raise
        return self._response

    @staticmethod
    async def _head(reader: asyncio.StreamReader) -> Response:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin1").split("\r\n")
        words = lines[0].split(" ", 2)
        if len(words) < 2 or not words[1].isdigit():
            raise HttpError(f"not HTTP: {lines[0][:40]!r}")
        pairs = (line.partition(":") for line in lines[1:] if line)
        return Response(int(words[1]), {n.strip().lower(): v.strip() for n, _, v in pairs}, reader)

    async def __aexit__(self, *_: object) -> None:
        assert self._streams
        if self._response and self._response.finished and not self._fresh:
            self._http.give(self._streams)
        else:
            self._streams[1].close()
