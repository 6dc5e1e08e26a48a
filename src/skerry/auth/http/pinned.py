"""HTTP to addresses that were judged before, whatever the host's name leads to by now.

TLS and `Host` still have the name; no proxy is asked.
"""

from __future__ import annotations

from collections.abc import Sequence

import httpx2

from skerry.auth.http.addresses import Address


class PinnedTransport(httpx2.AsyncBaseTransport):
    """Sends every request to the first of `addresses` that can be connected to, through `inner`."""

    def __init__(self, addresses: Sequence[Address], inner: httpx2.AsyncBaseTransport | None = None) -> None:
        self._addresses = tuple(addresses)
        self._inner = inner or httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        failure: httpx2.TransportError = httpx2.ConnectError("nothing to connect to", request=request)
        for address in self._addresses:
            there = httpx2.Request(
                request.method,
                request.url.copy_with(host=str(address)),
                headers=request.headers,  # Host among them
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": request.url.host},
            )
            try:
                return await self._inner.handle_async_request(there)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def aclose(self) -> None:
        await self._inner.aclose()
