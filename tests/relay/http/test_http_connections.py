"""The HTTP client of the relay: connections that are kept, broken, cancelled and secured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from skerry.errors import ConfigurationError
from skerry.relay.http import HttpError, Pool, Url
from skerry.relay.http.tls import basic, tls_with
from tests.kit.certificates import Authority
from tests.kit.forward_proxy import ForwardProxy
from tests.kit.http_peer import Exchange, HttpPeer
from tests.relay.http.http_answers import CHUNKED, LIMIT, SIZED, TURNS, get, saying


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    made = Pool(connect=5.0)
    yield made
    await made.close()


# Connections


async def test_one_connection_serves_one_request_after_another(pool: Pool):
    async with HttpPeer(saying(CHUNKED)) as peer:
        for _ in range(5):
            assert await get(pool, peer) == (200, b"hello")
        assert peer.opened == 1


async def test_requests_at_the_same_time_have_connections_of_their_own(pool: Pool):
    together = asyncio.Barrier(8)

    async def meeting(exchange: Exchange) -> None:
        await together.wait()
        await exchange.raw(SIZED)

    async with HttpPeer(meeting) as peer:
        async with asyncio.timeout(5):
            found = await asyncio.gather(*(get(pool, peer) for _ in range(8)))
        assert found == [(200, b"hello")] * 8
        assert peer.opened == 8


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ],
    ids=["close", "http-1.0"],
)
async def test_a_connection_that_is_not_to_be_kept_is_not(pool: Pool, head: bytes):
    async with HttpPeer(saying(head)) as peer:
        assert await get(pool, peer) == (200, b"hello")
        assert await get(pool, peer) == (200, b"hello")
        assert peer.opened == 2


@pytest.mark.parametrize("turns", [0, TURNS], ids=["in-the-same-turn", "long-ago"])
async def test_a_connection_that_the_server_closed_meanwhile_is_not_used(pool: Pool, turns: int):
    """Also when its end has arrived but the loop has not come to it: a call written there would be lost."""
    async with HttpPeer(saying(SIZED)) as peer:
        for _ in range(5):
            assert await get(pool, peer) == (200, b"hello")
            await peer.hang_up()
            for _ in range(turns):
                await asyncio.sleep(0)
        assert peer.opened == 5


async def test_connections_that_rest_too_long_are_closed():
    pool = Pool(idle=0.05)
    async with HttpPeer(saying(SIZED)) as peer:
        await get(pool, peer)
        await peer.quiet()
        assert await get(pool, peer) == (200, b"hello")
        assert peer.opened == 2
        await pool.close()


async def test_an_answer_that_is_closed_early_costs_its_connection(pool: Pool):
    async def endless(exchange: Exchange) -> None:
        await exchange.stream()
        await exchange.send(b"first")
        await exchange.gone.wait()

    async with HttpPeer(endless) as peer:
        reply = await pool.request("GET", Url.parse(peer.url), (), silence=5.0)
        assert await reply.chunk(5.0) == b"first"
        reply.close()
        await peer.quiet()


async def test_an_answer_that_is_left_keeps_its_connection_when_the_rest_comes(pool: Pool):
    go_on = asyncio.Event()

    async def two_parts(exchange: Exchange) -> None:
        await exchange.stream()
        await exchange.send(b"first")
        await go_on.wait()
        await exchange.send(b"rest")
        await exchange.end()

    async with HttpPeer(two_parts) as peer:
        reply = await pool.request("GET", Url.parse(peer.url), (), silence=5.0)
        assert await reply.chunk(5.0) == b"first"
        reply.leave()
        go_on.set()
        for _ in range(3 * TURNS):
            await asyncio.sleep(0)
        assert (await get(pool, peer))[1] == b"firstrest"
        assert peer.opened == 1


@pytest.mark.parametrize("rest", ["silence", "flood"])
async def test_an_answer_that_is_left_is_not_waited_for_for_ever(pool: Pool, rest: str):
    async def handler(exchange: Exchange) -> None:
        await exchange.stream()
        await exchange.send(b"first")
        while rest == "flood" and not exchange.gone.is_set():
            await exchange.send(b"x" * 65_536)
        await exchange.gone.wait()

    async with HttpPeer(handler) as peer:
        reply = await pool.request("GET", Url.parse(peer.url), (), silence=5.0)
        await reply.chunk(5.0)
        reply.leave(0.1)
        await peer.quiet()


async def test_closing_the_pool_ends_what_is_in_flight(pool: Pool):
    async with HttpPeer(lambda exchange: exchange.gone.wait()) as peer:  # type: ignore[arg-type,return-value]
        task = asyncio.ensure_future(get(pool, peer))
        while not peer.requests:
            await asyncio.sleep(0)
        await pool.close()
        with pytest.raises(HttpError) as caught:
            await task
        assert caught.value.reason == "closed"
        with pytest.raises(HttpError):
            await get(pool, peer)
        await peer.quiet()


# Waiting


async def test_a_cancelled_request_closes_its_connection_and_no_other(pool: Pool):
    async def handler(exchange: Exchange) -> None:
        if exchange.request.target == "/stuck":
            await exchange.gone.wait()
        else:
            await exchange.raw(SIZED)

    async with HttpPeer(handler) as peer:
        await get(pool, peer)
        stuck = asyncio.ensure_future(get(pool, peer, "/stuck"))
        while len(peer.requests) < 2:
            await asyncio.sleep(0)
        stuck.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stuck
        await peer.quiet()
        assert await get(pool, peer) == (200, b"hello")


async def test_a_cancelled_read_closes_its_connection(pool: Pool):
    async def handler(exchange: Exchange) -> None:
        await exchange.stream()
        await exchange.gone.wait()

    async with HttpPeer(handler) as peer:
        task = asyncio.ensure_future(get(pool, peer))
        while not peer.requests:
            await asyncio.sleep(0)
        for _ in range(TURNS):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await peer.quiet()


@pytest.mark.parametrize("after", ["nothing", "head", "piece"])
async def test_silence_is_a_failure_and_closes_the_connection(pool: Pool, after: str):
    async def handler(exchange: Exchange) -> None:
        if after != "nothing":
            await exchange.stream()
        if after == "piece":
            await exchange.send(b"x")
        await exchange.gone.wait()

    async with HttpPeer(handler) as peer:
        with pytest.raises(HttpError) as caught:
            await get(pool, peer, silence=0.1)
        assert caught.value.reason == "timeout"
        await peer.quiet()


async def test_silence_is_measured_from_the_last_byte(pool: Pool):
    """Twelve drops, each well within the limit, take longer than the limit together."""

    async def dripping(exchange: Exchange) -> None:
        await exchange.stream()
        for _ in range(12):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(exchange.gone.wait(), 0.05)
            await exchange.send(b".")
        await exchange.end()

    async with HttpPeer(dripping) as peer:
        reply = await pool.request("GET", Url.parse(peer.url), (), silence=0.4)
        assert await reply.read(LIMIT, 0.4) == b"." * 12


async def test_a_slow_reader_slows_the_server(pool: Pool):
    sent = 0

    async def flood(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.stream()
        while not exchange.gone.is_set() and sent < 400 * 65_536:
            await exchange.send(b"x" * 65_536)
            sent += 65_536
        await exchange.end()

    async with HttpPeer(flood) as peer:
        reply = await pool.request("GET", Url.parse(peer.url), (), silence=5.0)
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.05)
        assert sent < 16_000_000
        assert len(await reply.read(LIMIT, 5.0)) == 400 * 65_536


async def test_nothing_that_listens_is_an_error_that_names_the_place(pool: Pool):
    async with HttpPeer(saying(SIZED)) as peer:
        url = peer.url
    with pytest.raises(HttpError) as caught:
        await pool.request("GET", Url.parse(url), ())
    assert caught.value.reason == "connect"
    assert url.removeprefix("http://") in caught.value.message


async def test_a_server_that_never_completes_tls_is_given_up(tmp_path: Path):
    made = Pool(connect=0.2, tls=Authority(tmp_path).client)

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with HttpPeer(saying(), below=mute) as peer:
        with pytest.raises(HttpError) as caught:
            await made.request("GET", Url.parse(peer.url.replace("http:", "https:")), ())
        assert caught.value.reason == "connect"
        await made.close()


# TLS and HTTP proxies


async def test_tls_with_an_authority_of_ones_own(tmp_path: Path):
    authority = Authority(tmp_path)
    made = Pool(tls=tls_with(str(authority.bundle)))
    async with HttpPeer(saying(CHUNKED), tls=authority.server("127.0.0.1")) as peer:
        assert await get(made, peer) == (200, b"hello")
        assert await get(made, peer) == (200, b"hello")
        assert peer.opened == 1
        await made.close()


@pytest.mark.parametrize("fault", ["authority", "host"])
async def test_a_certificate_that_does_not_hold_is_refused(tmp_path: Path, fault: str):
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    context = theirs.server("127.0.0.1") if fault == "authority" else ours.server("example.com")
    made = Pool(tls=ours.client)
    async with HttpPeer(saying(SIZED), tls=context) as peer:
        with pytest.raises(HttpError) as caught:
            await get(made, peer)
        assert caught.value.reason == "connect"
        assert "certificate" in caught.value.message
        assert peer.requests == []
    await made.close()


async def test_plain_http_behind_an_https_url_is_named(tmp_path: Path):
    made = Pool(tls=Authority(tmp_path).client)

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with HttpPeer(saying(), below=plain) as peer:
        with pytest.raises(HttpError) as caught:
            await made.request("GET", Url.parse(peer.url.replace("http:", "https:")), ())
        assert caught.value.reason == "connect"
        assert "http instead of https" in caught.value.hint
        await made.close()


def test_a_bundle_that_is_none_is_a_mistake_of_the_configuration(tmp_path: Path):
    with pytest.raises(ConfigurationError):
        tls_with(str(tmp_path / "missing.pem"))()


async def test_a_tunnel_leads_through_a_proxy(tmp_path: Path):
    authority = Authority(tmp_path)
    async with (
        HttpPeer(saying(CHUNKED), tls=authority.server("mcp.example.com")) as peer,
        ForwardProxy(peer.port) as through,
    ):
        made = Pool(
            tls=authority.client,
            proxy=lambda _: Url.parse(through.url),
            proxy_authorization=basic("us%40er", "pass:word"),
        )
        for _ in range(2):
            reply = await made.request("GET", Url.parse("https://mcp.example.com/a?b"), (), silence=5.0)
            assert await reply.read(LIMIT, 5.0) == b"hello"
        assert through.asked == ["mcp.example.com:443"]
        assert through.credentials == ["Basic dXNAZXI6cGFzczp3b3Jk"]
        assert peer.requests[0].target == "/a?b"
        assert peer.requests[0].headers["host"] == "mcp.example.com"
        assert "proxy-authorization" not in peer.requests[0].headers
        await made.close()


async def test_a_refused_tunnel_is_named(tmp_path: Path):
    async with ForwardProxy(9, refuse=403) as through:
        made = Pool(tls=Authority(tmp_path).client, proxy=lambda _: Url.parse(through.url))
        with pytest.raises(HttpError) as caught:
            await made.request("GET", Url.parse("https://mcp.example.com/"), ())
        assert caught.value.reason == "connect"
        assert "403" in caught.value.message
        await made.close()


async def test_plain_http_goes_to_a_proxy_in_absolute_form(pool: Pool):
    async with HttpPeer(saying(SIZED)) as peer:
        made = Pool(proxy=lambda _: Url.parse(peer.url))
        reply = await made.request("GET", Url.parse("http://mcp.example.com/a?b"), (), silence=5.0)
        assert await reply.read(LIMIT) == b"hello"
        assert peer.requests[0].target == "http://mcp.example.com/a?b"
        assert peer.requests[0].headers["host"] == "mcp.example.com"
        await made.close()
