"""The HTTP client of the planes against servers that behave well and badly."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from skerry.local.http.upstream import Limits, Upstream, UpstreamError

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """A scripted HTTP server on raw sockets: what it got, and how many connections there were."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.connections = 0
        self.requests: list[bytes] = []
        self.url = ""
        self.closed = asyncio.Event()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self.handler(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.closed.set()
            writer.close()

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        """One request, head and body."""
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(
            (
                int(line.split(b":")[1])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length")
            ),
            0,
        )
        body = await reader.readexactly(size)
        self.requests.append(head + body)
        return head + body


@asynccontextmanager
async def serving(make: Callable[[Server], Handler]) -> AsyncIterator[Server]:
    async def placeholder(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError

    running = Server(placeholder)
    running.handler = make(running)
    listener = await asyncio.start_server(running.accept, "127.0.0.1", 0)
    running.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield running
    finally:
        listener.close()
        await listener.wait_closed()


@asynccontextmanager
async def client(**limits: Any) -> AsyncIterator[Upstream]:
    upstream = Upstream(Limits(**limits))
    await upstream.start()
    try:
        yield upstream
    finally:
        await upstream.close()


def always(answer: bytes) -> Callable[[Server], Handler]:
    """A server that gives the same answer to every request of a connection."""

    def make(server: Server) -> Handler:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                await server.request(reader)
                writer.write(answer)
                await writer.drain()

        return handle

    return make


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nX-A: 1\r\nx-a: 2\r\nset-cookie: a=b\r\n\r\nhi"


async def test_a_request_carries_what_was_given_and_no_more() -> None:
    async with serving(always(OK)) as server, client() as upstream:
        url = f"{server.url}/runtimes/arn%3Aaws%3Ax%2Fy/invocations?qualifier=a%20b&x=%2F"
        reply = await upstream.request("POST", url, [("x-one", "1"), ("x-one", "2")], b"body")
        assert (reply.status, await reply.read()) == (200, b"hi")
        assert reply.header("X-a") == "1"
        assert [value for name, value in reply.headers if name.lower() == "x-a"] == ["1", "2"]
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        assert lines[0] == "POST /runtimes/arn%3Aaws%3Ax%2Fy/invocations?qualifier=a%20b&x=%2F HTTP/1.1"
        assert sorted(line.split(":")[0].lower() for line in lines[1:]) == [
            "content-length",
            "host",
            "x-one",
            "x-one",
        ]
        assert body == b"body"


async def test_connections_are_reused_and_cookies_are_not_kept() -> None:
    async with serving(always(OK)) as server, client() as upstream:
        for _ in range(3):
            await (await upstream.request("GET", server.url)).read()
        assert server.connections == 1
        assert all(b"cookie" not in request.lower() for request in server.requests)


async def test_a_redirect_is_an_answer() -> None:
    moved = b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"
    async with serving(always(moved)) as server, client() as upstream:
        reply = await upstream.request("GET", server.url)
        assert (reply.status, len(server.requests)) == (302, 1)
        await reply.read()


async def test_a_compressed_answer_stays_compressed() -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd"
    async with serving(always(answer)) as server, client() as upstream:
        assert await (await upstream.request("GET", server.url)).read() == b"abcd"


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with serving(always(OK)) as server, client() as upstream:
        assert (await upstream.request("GET", server.url)).status == 200


async def test_a_large_body_arrives_whole() -> None:
    async with serving(always(OK)) as server, client() as upstream:
        body = bytes(range(256)) * 20_000
        await (await upstream.request("POST", server.url, {}, body)).read()
        assert server.requests[0].endswith(body)


async def test_pieces_are_given_as_they_arrive() -> None:
    go_on = asyncio.Event()

    def make(server: Server) -> Handler:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await server.request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
            await go_on.wait()
            writer.write(b"3\r\ntwo\r\n0\r\n\r\n")
            await writer.drain()

        return handle

    async with serving(make) as server, client() as upstream:
        seen = []
        async for piece in await upstream.request("GET", server.url):
            seen.append(piece)
            go_on.set()
        assert seen == [b"one", b"two"]


def hanging(answer: bytes, released: asyncio.Event) -> Callable[[Server], Handler]:
    """Sends `answer` and then waits until the client goes away."""

    def make(server: Server) -> Handler:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await server.request(reader)
            writer.write(answer)
            released.set()
            await reader.read()

        return handle

    return make


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n"


@pytest.mark.parametrize("answer", [b"", CHUNKED])
async def test_a_cancelled_call_closes_its_connection(answer: bytes) -> None:
    started = asyncio.Event()
    async with serving(hanging(answer, started)) as server, client() as upstream:

        async def call() -> None:
            await (await upstream.request("GET", server.url)).read()

        task = asyncio.create_task(call())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(10):
            await server.closed.wait()


async def test_leaving_a_stream_early_closes_its_connection() -> None:
    async with serving(hanging(CHUNKED, asyncio.Event())) as server, client() as upstream:
        reply = await upstream.request("GET", server.url)
        assert await reply.chunk() == b"one"
        reply.close()
        async with asyncio.timeout(10):
            await server.closed.wait()


@pytest.mark.parametrize(("answer", "kept"), [(OK, True), (CHUNKED, False)])
async def test_draining_keeps_the_connection_only_when_the_rest_comes_soon(answer: bytes, kept: bool) -> None:
    make = always(OK) if kept else hanging(answer, asyncio.Event())
    async with serving(make) as server, client() as upstream:
        for _ in range(2):
            await (await upstream.request("GET", server.url)).drain(0.05)
        assert server.connections == (1 if kept else 2)


async def test_nothing_listening_is_a_connect_error_that_may_be_repeated() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        async with client() as upstream:
            with pytest.raises(UpstreamError, match="cannot be reached") as caught:
                await upstream.request("GET", f"http://127.0.0.1:{port}/")
    assert (caught.value.reason, caught.value.unsent) == ("connect", True)


async def test_silence_is_a_timeout() -> None:
    async with serving(hanging(b"", asyncio.Event())) as server, client(read=0.05) as upstream:
        with pytest.raises(UpstreamError) as caught:
            await upstream.request("GET", server.url)
        assert caught.value.reason == "timeout"
    async with serving(hanging(CHUNKED, asyncio.Event())) as server, client() as upstream:
        reply = await upstream.request("GET", server.url, read=0.05)
        with pytest.raises(UpstreamError) as caught:
            await reply.read()
        assert caught.value.reason == "timeout"


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", b"nonsense\r\n\r\n"]
)
async def test_an_answer_that_breaks_off_is_closed(answer: bytes) -> None:
    def make(server: Server) -> Handler:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await server.request(reader)
            writer.write(answer)

        return handle

    async with serving(make) as server, client() as upstream:
        with pytest.raises(UpstreamError) as caught:
            await (await upstream.request("POST", server.url, {}, b"x")).read()
    assert (caught.value.reason, caught.value.unsent) == ("closed", False)
    assert len(server.requests) == 1, "a request that may have run is never repeated"


async def test_an_answer_over_the_limit_is_a_size_error() -> None:
    async with serving(always(OK)) as server, client() as upstream:
        reply = await upstream.request("GET", server.url)
        with pytest.raises(UpstreamError) as caught:
            await reply.read(1)
        assert caught.value.reason == "size"


async def test_connections_are_bounded() -> None:
    together, most = 0, 0
    full = asyncio.Event()

    def make(server: Server) -> Handler:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal together, most
            while True:
                await server.request(reader)
                together += 1
                most = max(most, together)
                if together == 2:
                    full.set()
                await full.wait()
                together -= 1
                writer.write(OK)

        return handle

    async with serving(make) as server, client(connections=2) as upstream:

        async def call() -> None:
            await (await upstream.request("GET", server.url)).read()

        await asyncio.gather(*(call() for _ in range(8)))
        assert (most, server.connections) == (2, 2)


async def test_using_it_before_start_is_a_mistake() -> None:
    with pytest.raises(RuntimeError, match=r"start\(\)"):
        await Upstream().request("GET", "http://127.0.0.1/")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:99999/?key=secret",
        "https://[::1/?key=secret",
        "https://x..y/?key=secret",
        f"https://{'a' * 64}.example/?key=secret",
        "https://éxample.invalid/\ud800?key=secret",
    ],
)
async def test_a_url_that_is_none_is_said_without_repeating_it(url: str) -> None:
    async with client() as upstream:
        with pytest.raises(UpstreamError) as caught:
            await upstream.request("GET", url)
    assert caught.value.unsent
    assert "secret" not in str(caught.value)
