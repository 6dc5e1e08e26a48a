"""AWS credentials of this process, and SigV4 for MCP clients.

For parts that have httpx2 loaded anyway; a proof without it is in `proof`. Each request is signed with a
frozen copy, and a refresh during a conversation is picked up by the next request.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from typing import TYPE_CHECKING

import httpx2

from skerry.auth.aws.aws_keys import AwsKeys
from skerry.auth.aws.chain import ChainSource
from skerry.auth.aws.signing import Credentials, sign
from skerry.auth.background import in_thread
from skerry.errors import ConfigurationError

if TYPE_CHECKING:
    from botocore.session import Session


class AwsCredentials(AwsKeys):
    """The credentials and region of botocore's default chain, or of a named profile."""

    def __init__(
        self,
        *,
        profile: str | None = None,
        session: Session | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._chain = ChainSource(profile=profile or "", session=session)
        super().__init__(self._chain, now=now)

    async def region(self) -> str | None:
        """The region of the environment or profile, if one is set."""
        return await in_thread(self._chain.region)


class HttpxSigV4(httpx2.Auth):
    """Signs every request of an httpx2 client, such as that of an MCP client.

    `source` gives the credentials for each request (`AwsCredentials.frozen`). `unsigned` are headers that
    are added after signing, such as `ClientContext.to_headers()`; whoever passes the request on may change
    them. Use it with a client that follows no redirects: a redirect would carry the session token to
    another host.
    """

    requires_request_body = True

    def __init__(
        self,
        source: Callable[[], Awaitable[Credentials]],
        *,
        region: str,
        service: str = "bedrock-agentcore",
        unsigned: Mapping[str, str] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._region = region
        self._service = service
        self._unsigned = dict(unsigned or {})
        self._now = now

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Signs `request` in place and sends it once."""
        await request.aread()
        self._sign(request, await self._source())
        yield request

    def sync_auth_flow(
        self,
        request: httpx2.Request,  # noqa: ARG002  (the base class's signature)
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Not for synchronous clients: finding credentials may block."""
        raise ConfigurationError("This authentication needs an asynchronous HTTP client.")

    def _sign(self, request: httpx2.Request, credentials: Credentials) -> None:
        url = request.url
        target = f"{url.scheme}://{url.netloc.decode('ascii')}{url.raw_path.decode('ascii')}"
        added = sign(
            request.method,
            target,
            dict(request.headers.items()),
            request.content,
            credentials=credentials,
            region=self._region,
            service=self._service,
            now=self._now(),
        )
        request.headers.update(added)
        request.headers.update(self._unsigned)
