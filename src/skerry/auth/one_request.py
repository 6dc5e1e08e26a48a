"""A single HTTP request, for metadata and tokens: an httpx2 client that is loaded and opened only then.

`transport` has the limits; here is who opens the client. Requests to this machine go through no proxy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from skerry.auth.background import in_thread
from skerry.auth.discovery import is_loopback
from skerry.auth.ports import Fetch, Post, PostBytes


async def post_form(url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, bytes]:
    """`transport.Transport.post` over a client of its own."""
    async with await _client(url) as http:
        from skerry.auth.transport import Transport

        return await Transport(http).post(url, form, headers)


async def fetch_document(url: str) -> bytes:
    """`transport.Transport.fetch`, likewise."""
    async with await _client(url) as http:
        from skerry.auth.transport import Transport

        return await Transport(http).fetch(url)


async def post_bytes(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
    """`transport.Transport.post_bytes`, likewise."""
    async with await _client(url) as http:
        from skerry.auth.transport import Transport

        return await Transport(http).post_bytes(url, headers, body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """The requests that a client makes to get a token."""

    fetch: Fetch = fetch_document
    post: Post = post_form
    post_bytes: PostBytes = post_bytes


async def _client(url: str) -> Any:
    """Naming the type would load the library, which is done off the event loop."""
    try:
        here = is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        here = False  # the client says what is wrong with it

    def opened() -> Any:
        import httpx2

        return httpx2.AsyncClient(trust_env=not here)

    return await in_thread(opened)
