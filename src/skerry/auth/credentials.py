"""AWS credentials of this process, and SigV4 for MCP clients.

botocore's default chain finds them (environment, profile, SSO, container, instance). Finding and refreshing
may read files and call services, so both happen in a thread; each request is signed with a frozen copy, and
a refresh during a conversation is picked up by the next request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from typing import Any

import httpx2
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from skerry.auth.sigv4 import Credentials, sign
from skerry.errors import ConfigurationError, RemoteError

AHEAD = 900.0
"""Seconds before the end of temporary credentials at which botocore refreshes them."""
_HINT = 'For a local stack run: eval "$(skerry env)". For AWS: aws configure, or aws sso login.'


class AwsCredentials:
    """The credentials and region of botocore's default chain, or of a named profile."""

    def __init__(self, *, profile: str | None = None, session: Session | None = None) -> None:
        self._profile = profile
        self._session = session
        self._found: BotocoreCredentials | None = None
        self._lock = asyncio.Lock()

    async def frozen(self) -> Credentials:
        """The credentials for one request, off the event loop whenever that may block.

        Raises ConfigurationError when there are none, RemoteError when they cannot be refreshed.
        """
        found = self._found
        if found is not None and not _may_block(found):
            return _freeze(found)
        async with self._lock:
            return await asyncio.to_thread(self.current)

    def current(self) -> Credentials:
        """The same for callers without an event loop; may block."""
        if self._found is None:
            self._found = self._find()
        return _freeze(self._found)

    async def region(self) -> str | None:
        """The region of the environment or profile, if one is set."""
        return await asyncio.to_thread(self._region)

    def _region(self) -> str | None:
        try:
            value = self._open().get_config_variable("region")
        except BotoCoreError as error:
            raise ConfigurationError(f"The AWS configuration cannot be used: {error}") from error
        return value if isinstance(value, str) else None

    def _open(self) -> Session:
        if self._session is None:
            self._session = Session(profile=self._profile)
        return self._session

    def _find(self) -> BotocoreCredentials:
        try:
            found = self._open().get_credentials()
        except (BotoCoreError, ClientError) as error:
            raise ConfigurationError(f"The AWS configuration cannot be used: {error}", hint=_HINT) from error
        if found is None:
            raise ConfigurationError("No AWS credentials were found.", hint=_HINT)
        return found


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


def _may_block(found: BotocoreCredentials) -> bool:
    return isinstance(found, RefreshableCredentials) and bool(found.refresh_needed())


def _freeze(found: Any) -> Credentials:
    try:
        frozen = found.get_frozen_credentials()
    except (BotoCoreError, ClientError) as error:
        raise RemoteError(f"The AWS credentials cannot be refreshed: {error}", hint=_HINT) from error
    if not frozen.access_key or not frozen.secret_key:
        raise ConfigurationError("The AWS credentials are incomplete.", hint=_HINT)
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token)
