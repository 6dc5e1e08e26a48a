"""The HTTP client of the relay: bodies of every framing, answers that are broken, URLs."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry.errors import ConfigurationError
from skerry.relay.http import HttpError, Pool, Url
from tests.kit.http_peer import Exchange, HttpPeer
from tests.relay.http.http_answers import CHUNKED, CLOSED, LIMIT, SIZED, get, saying


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    made = Pool(connect=5.0)
    yield made
    await made.close()


# Framing


@pytest.mark.parametrize("answer", [SIZED, CHUNKED, CLOSED], ids=["sized", "chunked", "until-the-end"])
async def test_a_body_of_each_framing_is_read(pool: Pool, answer: bytes):
    async with HttpPeer(saying(answer, close=answer is CLOSED)) as peer:
        assert await get(pool, peer) == (200, b"hello")


@pytest.mark.parametrize("answer", [SIZED, CHUNKED, CLOSED], ids=["sized", "chunked", "until-the-end"])
async def test_an_answer_may_be_cut_at_every_byte(pool: Pool, answer: bytes):
    handlers = [saying(answer[:at], answer[at:], close=answer is CLOSED) for at in range(1, len(answer))]

    async def next_one(exchange: Exchange) -> None:
        await handlers.pop()(exchange)

    async with HttpPeer(next_one) as peer:
        for _ in range(len(handlers)):
            assert await get(pool, peer) == (200, b"hello")


@settings(max_examples=60)
@given(
    chunks=st.lists(st.binary(min_size=1, max_size=300), max_size=6),
    cuts=st.lists(st.integers(min_value=0, max_value=3000), max_size=6),
    extension=st.sampled_from([b"", b";name=value"]),
)
def test_any_chunks_cut_anywhere_make_the_body(chunks: list[bytes], cuts: list[int], extension: bytes):
    whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    whole += b"".join(b"%X%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks) + b"0\r\n\r\n"
    edges = [0, *sorted({cut for cut in cuts if cut < len(whole)}), len(whole)]
    pieces = [whole[start:end] for start, end in itertools.pairwise(edges) if start < end]

    async def check() -> None:
        pool = Pool()
        async with HttpPeer(saying(*pieces)) as peer:
            assert await get(pool, peer) == (200, b"".join(chunks))
            assert await get(pool, peer) == (200, b"".join(chunks))
            assert peer.opened == 1
            await pool.close()

    asyncio.run(check())


@pytest.mark.parametrize("status", [200, 202, 204, 304, 404])
async def test_an_empty_body_ends_at_once(pool: Pool, status: int):
    head = b"HTTP/1.1 %d X\r\n\r\n" if status in (204, 304) else b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n"
    async with HttpPeer(saying(head % status)) as peer:
        assert await get(pool, peer) == (status, b"")
        assert await get(pool, peer) == (status, b"")
        assert peer.opened == 1


async def test_what_comes_before_the_answer_is_none_of_it(pool: Pool):
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\nX-Early: yes\r\n\r\n"
    async with HttpPeer(saying(early, SIZED)) as peer:
        reply = await pool.request("POST", Url.parse(peer.url), (), b"body", silence=5.0)
        assert reply.status == 200
        assert reply.header("x-early") == ""
        assert await reply.read(LIMIT) == b"hello"
        assert await get(pool, peer) == (200, b"hello")
        assert peer.opened == 1


async def test_headers_keep_their_order_and_their_values(pool: Pool):
    head = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-b:\t two words \r\nX-a: 3\r\nContent-Length: 0\r\n\r\n"
    async with HttpPeer(saying(head)) as peer:
        reply = await pool.request("GET", Url.parse(peer.url), (), silence=5.0)
        assert reply.headers == [("x-a", "1"), ("x-b", "two words"), ("x-a", "3"), ("content-length", "0")]
        assert (reply.header("x-a"), reply.header("none", "else")) == ("1", "else")


async def test_a_request_goes_out_as_it_is_given(pool: Pool):
    async with HttpPeer(saying(SIZED)) as peer:
        url = Url.parse(f"{peer.url}/runtimes/arn%3Aaws%2Fx/invocations?qualifier=a%20b&c=%2F")
        reply = await pool.request("POST", url, (("X-One", "1"), ("X-Two", "ä")), b"\x00body", silence=5.0)
        await reply.read(LIMIT)
        (request,) = peer.requests
        assert request.method == "POST"
        assert request.target == "/runtimes/arn%3Aaws%2Fx/invocations?qualifier=a%20b&c=%2F"
        assert request.body == b"\x00body"
        assert request.pairs == (
            ("host", f"127.0.0.1:{peer.port}"),
            ("x-one", "1"),
            ("x-two", "ä"),
            ("content-length", "5"),
        )


@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "a\nb", "a\rb", "a\0b"])
async def test_a_header_cannot_smuggle_another_one(pool: Pool, value: str):
    async with HttpPeer(saying(SIZED)) as peer:
        with pytest.raises(HttpError) as caught:
            await pool.request("GET", Url.parse(peer.url), (("X-A", value),), silence=5.0)
        assert caught.value.reason == "malformed"
        assert peer.requests == []


# Answers that are broken


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
    ids=["nothing", "head", "sized", "chunk", "no-last-chunk", "no-last-line", "only-1xx"],
)
async def test_an_answer_that_ends_too_soon_is_no_answer(pool: Pool, answer: bytes):
    async with HttpPeer(saying(answer, close=True)) as peer:
        with pytest.raises(HttpError) as caught:
            await get(pool, peer)
        assert caught.value.reason == "closed"
        await peer.quiet()


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.0\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    ],
    ids=["ssh", "status", "two-lengths", "chunk-size", "chunk-end", "negative"],
)
async def test_what_is_no_http_is_said_to_be_none(pool: Pool, answer: bytes):
    async with HttpPeer(saying(answer)) as peer:
        with pytest.raises(HttpError) as caught:
            await get(pool, peer)
        assert caught.value.reason == "malformed"
        await peer.quiet()  # the connection is not kept


@settings(max_examples=80)
@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_end_in_an_answer_or_an_error(junk: bytes, with_head: bool):
    answer = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" if with_head else b"") + junk

    async def check() -> None:
        pool = Pool()
        async with HttpPeer(saying(answer, close=True)) as peer:
            try:
                await get(pool, peer)
            except HttpError as problem:
                assert problem.reason in ("closed", "malformed")
            await pool.close()

    asyncio.run(check())


async def test_a_body_past_the_limit_is_not_kept(pool: Pool):
    async def endless(exchange: Exchange) -> None:
        await exchange.stream()
        while not exchange.gone.is_set():
            await exchange.send(b"x" * 65_536)

    async with HttpPeer(endless) as peer:
        reply = await pool.request("GET", Url.parse(peer.url), (), silence=5.0)
        with pytest.raises(HttpError) as caught:
            await reply.read(1_000_000, 5.0)
        assert caught.value.reason == "size"
        await peer.quiet()


async def test_an_endless_head_is_given_up(pool: Pool):
    async def endless(exchange: Exchange) -> None:
        await exchange.raw(b"HTTP/1.1 200 OK\r\n")
        while not exchange.gone.is_set():
            await exchange.raw(b"X-More: " + b"y" * 4000 + b"\r\n")

    async with HttpPeer(endless) as peer:
        with pytest.raises(HttpError) as caught:
            await get(pool, peer)
        assert caught.value.reason == "malformed"
        await peer.quiet()


async def test_what_follows_an_answer_is_never_taken_for_the_next_one(pool: Pool):
    async with HttpPeer(saying(SIZED + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")) as peer:
        assert await get(pool, peer) == (200, b"hello")
        assert await get(pool, peer) == (200, b"hello")
        assert peer.opened == 2


async def test_what_comes_unasked_closes_the_connection(pool: Pool):
    answered = asyncio.Event()

    async def late(exchange: Exchange) -> None:
        await exchange.raw(SIZED)
        await answered.wait()
        await exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

    async with HttpPeer(late) as peer:
        assert await get(pool, peer) == (200, b"hello")
        answered.set()
        await peer.quiet()
        assert await get(pool, peer) == (200, b"hello")
        assert peer.opened == 2


# URLs


@pytest.mark.parametrize(
    ("text", "host", "port", "target", "authority"),
    [
        ("http://127.0.0.1:81/mcp", "127.0.0.1", 81, "/mcp", "127.0.0.1:81"),
        ("https://a.example", "a.example", 443, "/", "a.example"),
        ("https://a.example:443/x?y=%2F", "a.example", 443, "/x?y=%2F", "a.example"),
        ("http://[::1]:8000/", "::1", 8000, "/", "[::1]:8000"),
    ],
)
def test_a_url_comes_apart(text: str, host: str, port: int, target: str, authority: str):
    url = Url.parse(text)
    assert (url.host, url.port, url.target, url.authority) == (host, port, target, authority)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mcp",
        "ftp://a/b",
        "http://",
        "http://a:b/",
        "http://a:99999/",
        "http://u:p@a/",
        "http://a/ü",
        "http://a/x y",
    ],
)
def test_what_is_no_url_is_refused(text: str):
    with pytest.raises(ConfigurationError) as caught:
        Url.parse(text)
    assert "u:p" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_a_url_or_refused(text: str):
    try:
        url = Url.parse(f"https://{text}")
    except ConfigurationError:
        return
    assert f"{url.host}{url.target}".isprintable()
    assert url.target.startswith("/")
    assert " " not in url.target
