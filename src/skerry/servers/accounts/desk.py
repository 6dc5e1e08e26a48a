"""What the accounts tools work with, and what happens around each of their calls."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx2
from fastmcp import Context

from skerry.auth.http.transport import Transport
from skerry.auth.jwt.keys import Clock, Keys
from skerry.auth.jwt.scopes import Hierarchy
from skerry.auth.moved_clock import clock_of
from skerry.auth.oauth import Client, TokenSource
from skerry.servers.accounts.backend import Accounts, Backend, Legacy
from skerry.servers.accounts.checks import check
from skerry.servers.caller import Caller, identify, request_headers
from skerry.servers.http_auth import ProtectedResource
from skerry.servers.visit import recorded
from skerry.settings import AccountsSettings
from skerry.wire.context import ClientContext

PART = "accounts"
_log = logging.getLogger("skerry.servers.accounts")


@dataclass(frozen=True, slots=True)
class Desk:
    """What the tools work with. `http` is closed when the server ends."""

    settings: AccountsSettings
    resource: ProtectedResource
    backend: Backend
    http: httpx2.AsyncClient
    clock: Clock

    @classmethod
    def of(
        cls, settings: AccountsSettings, *, url: str, clock: Clock = time, forward_caller_token: bool = False
    ) -> Desk:
        """The desk of a server at `url`; settings may name another one that clients type.

        `forward_caller_token` passes callers' tokens on to the API, for demonstrations: see `backend.Legacy`.
        Raises ConfigurationError.
        """
        check(settings)
        _warn(settings, forward_caller_token)
        http = httpx2.AsyncClient(trust_env=False, timeout=settings.api_timeout)
        transport = Transport(http)
        tokens_by = clock_of(settings.token_clock, clock)
        keys = Keys.of_issuer(settings.issuer, fetch=transport.fetch, clock=tokens_by)
        client = Client(
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            discovery_url=f"{settings.issuer}/.well-known/openid-configuration",
        )
        source = TokenSource(client, post=transport.post, fetch=transport.fetch, clock=tokens_by)
        return cls(
            settings,
            ProtectedResource(
                settings.url or url,
                settings.issuer,
                settings.audience,
                keys,
                (settings.read_scope, settings.write_scope),
                hierarchy=Hierarchy(settings.includes),
            ),
            Backend(
                settings.api_url,
                settings.api_audience,
                source,
                http,
                Legacy(settings.compatibility_headers, forward_caller_token, settings.tenant_claim),
            ),
            http,
            clock,
        )

    @contextlib.asynccontextmanager
    async def visit(self, ctx: Context, tool: str) -> AsyncIterator[tuple[Caller, Accounts]]:
        """One tool call: who calls, and their accounts; a hop in the log, a ToolError for every failure."""
        target = self.settings.audience
        headers = request_headers(ctx)
        async with recorded(PART, tool, target=target, clock=self.clock, headers=headers) as record:
            record.context = ClientContext.from_headers(headers or {}, now=self.clock.time())
            record.caller = await identify(headers, self.resource, self.settings.client_id)
            yield record.caller, self.backend.of(record.caller, record.context)


def _warn(settings: AccountsSettings, forward: bool) -> None:
    if settings.compatibility_headers:
        _log.warning("compatibility headers are on: the API gets X-JWT-TOKEN (exchanged) and X-TENANT-ID.")
    if forward:
        _log.warning(
            "UNSAFE: callers' own tokens are passed on to the accounts API. MCP forbids it: whoever runs "
            "the API can call this server in their name. For demonstrations only."
        )
