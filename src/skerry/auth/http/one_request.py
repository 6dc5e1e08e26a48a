"""A single HTTP request, for metadata and tokens: an httpx2 client that is loaded and opened only then.

`transport` has the limits; here is who opens the client. Requests to this machine go through no proxy.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from skerry.auth.background import in_thread
from skerry.auth.discovery import is_loopback
from skerry.auth.ports import Fetch, Post, PostBytes

Open = Callable[[str], Awaitable[Any]]
"""Opens the httpx2 client for a request to a URL."""


async def unchecked(_url: str) -> None:
    """Every URL may be shown to a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """The requests that a client makes to get a token; `check` refuses what not even a person is sent to."""

    fetch: Fetch
    post: Post
    post_bytes: PostBytes
    check: Callable[[str], Awaitable[None]] = unchecked


async def client_for(url: str) -> Any:
    """A client for a URL. Naming its type would load the library, which is done off the event loop."""
    try:
        here = is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        here = False  # the client says what is wrong with it

    def opened() -> Any:
        import httpx2

        return httpx2.AsyncClient(trust_env=not here)

    return await in_thread(opened)


def requests(open_client: Open, *, check: Callable[[str], Awaitable[None]] = unchecked) -> Http:
    """`transport.Transport`'s requests, each over a client of its own."""

    async def fetch(url: str) -> bytes:
        async with await open_client(url) as http:
            from skerry.auth.http.transport import Transport

            return await Transport(http).fetch(url)

    async def post(url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, bytes]:
        async with await open_client(url) as http:
            from skerry.auth.http.transport import Transport

            return await Transport(http).post(url, form, headers)

    async def post_bytes(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        async with await open_client(url) as http:
            from skerry.auth.http.transport import Transport

            return await Transport(http).post_bytes(url, headers, body)

    return Http(fetch=fetch, post=post, post_bytes=post_bytes, check=check)


ANYWHERE = requests(client_for)
fetch_document, post_form, post_bytes = ANYWHERE.fetch, ANYWHERE.post, ANYWHERE.post_bytes
