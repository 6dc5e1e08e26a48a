from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import httpx2
import pytest

from skerry.auth.http.transport import MAX_ANSWER, Transport
from skerry.errors import RemoteError
from tests.kit.authorization import authorization


class Site:
    """A real HTTP/1.0 server on a loopback port that answers every request with `answer`, for ever if asked."""

    def __init__(self) -> None:
        self.answer = b"HTTP/1.0 200 OK\r\n\r\nhello"
        self.endless = False
        self.stays: asyncio.Event | None = None
        self.seen: list[bytes] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.seen.append(await reader.readuntil(b"\r\n\r\n"))
        try:
            writer.write(self.answer)
            while self.endless:
                writer.write(b"x" * 8192)
                await writer.drain()
            await writer.drain()
            if self.stays is not None:
                await self.stays.wait()
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/path?secret=1"
    async with server:
        yield made


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    async with httpx2.AsyncClient(trust_env=False) as client:
        yield Transport(client)


async def test_fetch_gives_the_body_of_a_200(transport, site):
    assert await transport.fetch(site.url) == b"hello"


@pytest.mark.parametrize(
    "status", [b"404 No", b"500 No", b"204 No Content", b"302 Found\r\nLocation: /other"]
)
async def test_fetch_takes_nothing_else_and_follows_no_redirect(transport, site, status):
    site.answer = b"HTTP/1.0 " + status + b"\r\n\r\n"
    with pytest.raises(RemoteError, match="answered") as caught:
        await transport.fetch(site.url)
    assert "secret" not in str(caught.value)
    assert len(site.seen) == 1


async def test_post_sends_a_form_and_gives_status_and_body(transport, site):
    site.answer = b"HTTP/1.0 400 No\r\n\r\n{}"
    assert await transport.post(site.url, {"a": "b c"}, {"X-Y": "z"}) == (400, b"{}")
    assert b"POST /path?secret=1" in site.seen[0]
    assert b"content-type: application/x-www-form-urlencoded" in site.seen[0].lower()
    assert b"x-y: z" in site.seen[0].lower()


async def test_an_endless_answer_is_cut(transport, site):
    site.endless = True
    with pytest.raises(RemoteError, match=str(MAX_ANSWER)):
        await transport.fetch(site.url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://[", "nothing", "ftp://127.0.0.1/", ""])
async def test_no_answer_is_a_remote_error(transport, url):
    with pytest.raises(RemoteError):
        await transport.fetch(url)


async def test_a_spoilt_answer_is_a_remote_error(transport, site):
    site.answer = b"what?\r\n\r\n"
    with pytest.raises(RemoteError):
        await transport.fetch(site.url)


async def test_a_server_that_does_not_finish_its_answer_is_not_waited_for(site):
    site.answer, site.stays = b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\nhello", asyncio.Event()
    async with httpx2.AsyncClient(trust_env=False) as client:
        with pytest.raises(RemoteError, match="does not answer") as caught:
            await Transport(client, whole=0.2).fetch(site.url)
    site.stays.set()
    assert "secret" not in str(caught.value)


async def test_a_field_with_several_values_is_sent_as_often(transport, site):
    site.answer = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    body = {"resource": ["https://a", "https://b"], "scope": "s"}
    assert await transport.post(site.url, body, {}) == (200, b"{}")
    assert f"content-length: {len(urlencode(body, doseq=True))}\r\n".encode() in site.seen[0].lower()


@pytest.mark.behaviour("LOGIN-LIMITS")
async def test_a_server_that_drips_its_answer_holds_nobody():
    with authorization(drips=True) as server:
        async with httpx2.AsyncClient(trust_env=False) as client:
            place = f"{server.url}/.well-known/oauth-authorization-server/one"
            with pytest.raises(RemoteError, match="does not answer"):
                await Transport(client, whole=0.3).fetch(place)
