"""The head of an answer and the body that follows at once are one write; nothing changes its place."""

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.serving import Server
from skerry.serving.one_write import JoinedHead
from skerry.sockets import bind

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Sink:
    """A transport that keeps what each write sent, several lines of one write together."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed_after: int | None = None

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def writelines(self, lines) -> None:
        self.writes.append(b"".join(lines))

    def close(self) -> None:
        self.closed_after = len(self.writes)


@contextlib.asynccontextmanager
async def serving(application):
    with bind("127.0.0.1", 0) as listening:
        ready = asyncio.Event()
        server = Server(application, ready.set, signals=False, lifespan="off")
        task = asyncio.create_task(server.serve(sockets=[listening]))
        await ready.wait()
        try:
            yield await asyncio.open_connection(*listening.getsockname())
        finally:
            server.stop()
            await task


async def test_a_head_is_sent_with_the_body_that_follows():
    sink = Sink()
    joined = JoinedHead(sink, asyncio.get_running_loop())
    joined.write(HEAD)
    assert not sink.writes
    joined.write(b"{}")
    joined.write(b"more")
    assert sink.writes == [HEAD + b"{}", b"more"]


async def test_a_head_alone_is_sent_when_the_loop_turns():
    sink = Sink()
    joined = JoinedHead(sink, asyncio.get_running_loop())
    joined.write(HEAD)
    await asyncio.sleep(0)
    assert sink.writes == [HEAD]
    joined.write(b"data: 1\n\n")
    assert sink.writes == [HEAD, b"data: 1\n\n"]


async def test_a_head_is_not_lost_when_the_connection_closes():
    sink = Sink()
    joined = JoinedHead(sink, asyncio.get_running_loop())
    joined.write(HEAD)
    joined.close()
    assert sink.writes == [HEAD]
    assert sink.closed_after == 1
    await asyncio.sleep(0)
    assert sink.writes == [HEAD]


@given(st.lists(st.one_of(st.just(HEAD), st.binary(min_size=1), st.none())))
def test_every_byte_arrives_in_order(written):
    """None is a turn of the loop."""

    async def send() -> list[bytes]:
        sink = Sink()
        joined = JoinedHead(sink, asyncio.get_running_loop())
        for data in written:
            if data is None:
                await asyncio.sleep(0)
            else:
                joined.write(data)
        joined.close()
        return sink.writes

    assert b"".join(asyncio.run(send())) == b"".join(data for data in written if data is not None)


async def test_the_head_of_a_stream_arrives_before_its_first_event():
    go_on = asyncio.Event()

    async def stream(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-kind", b"stream")]})
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"data: 1\n\n"})

    async with serving(stream) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"x-kind: stream" in head
        go_on.set()
        assert b"data: 1" in await reader.readuntil(b"0\r\n\r\n")
        writer.close()


@pytest.mark.parametrize("requests", [1, 3])
async def test_answers_on_one_connection_stay_whole(requests):
    async def echo(scope, receive, send):
        body = (await receive())["body"]
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async with serving(echo) as (reader, writer):
        for number in range(requests):
            writer.write(b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 1\r\n\r\n%d" % number)
        for number in range(requests):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
            assert await reader.readexactly(1) == b"%d" % number
        writer.close()
