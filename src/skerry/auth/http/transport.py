"""HTTP for metadata, keys and token requests, with the limits that such requests need.

A small adapter over one httpx2 client that its owner opens and closes; `Keys` takes `fetch`, `TokenSource`
takes both.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence

import httpx2

from skerry.errors import RemoteError
from skerry.wire import trace

MAX_ANSWER = 65_536
TIMEOUT = 5.0
"""Seconds for each step of a request."""
_UNTRUSTED = (
    "With an authority of your own: name its certificate in certificateConfigurations, or point "
    "SSL_CERT_FILE at it before the program starts."
)
WHOLE = 10.0
"""Seconds for all of it: an answer may not come drop by drop."""


class Transport:
    """GET and form POST: no redirects, at most 64 KB of answer, at most `whole` seconds."""

    def __init__(self, client: httpx2.AsyncClient, *, whole: float = WHOLE) -> None:
        self._client = client
        self._whole = whole

    async def fetch(self, url: str) -> bytes:
        """The body of a 200. Raises RemoteError for everything else."""
        status, body = await self._send(self._client.build_request("GET", url, timeout=TIMEOUT))
        if status != 200:
            raise RemoteError(f"{_shown(url)} answered {status}.")
        return body

    async def post(
        self, url: str, form: Mapping[str, str | Sequence[str]], headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Status and body of a form POST; a field with several values is sent as often.

        Raises RemoteError when there is no answer.
        """
        request = self._client.build_request(
            "POST", url, data=dict(form), headers=dict(headers), timeout=TIMEOUT
        )
        return await self._send(request)

    async def post_bytes(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and body of a POST of bytes. Raises RemoteError when there is no answer."""
        request = self._client.build_request(
            "POST", url, content=body, headers=dict(headers), timeout=TIMEOUT
        )
        return await self._send(request)

    async def _send(self, request: httpx2.Request) -> tuple[int, bytes]:
        url = str(request.url)
        trace.mark(request=request)
        try:
            async with asyncio.timeout(self._whole):
                return await self._answer(request)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            if (why := _untrusted(error)) is not None:
                raise RemoteError(
                    f"The certificate of {_shown(url)} is not trusted: {why}.", hint=_UNTRUSTED
                ) from error
            raise RemoteError(f"{_shown(url)} does not answer ({type(error).__name__}).") from error

    async def _answer(self, request: httpx2.Request) -> tuple[int, bytes]:
        answer = await self._client.send(request, stream=True, follow_redirects=False)
        try:
            body = bytearray()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER:
                    raise RemoteError(f"{_shown(str(request.url))} answered more than {MAX_ANSWER} bytes.")
            return answer.status_code, bytes(body)
        finally:
            await answer.aclose()


def _untrusted(error: BaseException | None) -> str | None:
    """Why the certificate of the other side was not taken, None when something else went wrong."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message or "it does not hold"
        error = error.__cause__ or error.__context__
    return None


def _shown(url: str) -> str:
    """The URL without its query, which may hold what should not be shown."""
    return url.partition("?")[0][:200]
