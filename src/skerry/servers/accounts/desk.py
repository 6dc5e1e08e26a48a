"""What the accounts tools work with, and what happens around each of their calls."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx2
from fastmcp import Context
from fastmcp.exceptions import ToolError

from skerry.auth.keys import Clock, Keys
from skerry.auth.oauth import Client, TokenSource
from skerry.auth.transport import Transport
from skerry.errors import ConfigurationError, ProtocolError, RemoteError, TokenError
from skerry.servers.accounts.backend import Accounts, Backend
from skerry.servers.caller import Caller, identify, request_headers
from skerry.servers.http_auth import ProtectedResource
from skerry.settings import AccountsSettings
from skerry.wire.context import ClientContext
from skerry.wire.hop import Hop, encode

PART = "accounts"

_hops = logging.getLogger("skerry.hop")


@dataclass(frozen=True, slots=True)
class Desk:
    """What the tools work with. `http` is closed when the server ends."""

    settings: AccountsSettings
    resource: ProtectedResource
    backend: Backend
    http: httpx2.AsyncClient
    clock: Clock

    @classmethod
    def of(cls, settings: AccountsSettings, *, url: str, clock: Clock = time) -> Desk:
        """The desk of a server whose clients type `url`. Raises ConfigurationError."""
        _check(settings)
        http = httpx2.AsyncClient(trust_env=False, timeout=settings.api_timeout)
        transport = Transport(http)
        keys = Keys.of_issuer(settings.issuer, fetch=transport.fetch, clock=clock)
        client = Client(
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            discovery_url=f"{settings.issuer}/.well-known/openid-configuration",
        )
        source = TokenSource(client, post=transport.post, fetch=transport.fetch, clock=clock)
        return cls(
            settings,
            ProtectedResource(url, settings.issuer, settings.audience, keys),
            Backend(settings.api_url, settings.api_audience, source, http),
            http,
            clock,
        )

    @contextlib.asynccontextmanager
    async def visit(self, ctx: Context, tool: str) -> AsyncIterator[tuple[Caller, Accounts]]:
        """One tool call: who calls, and their accounts; a hop in the log, a ToolError for every failure."""
        started, begun = self.clock.time(), self.clock.monotonic()
        name, status, context = "anonymous", 500, ClientContext()
        try:
            headers = request_headers(ctx)
            context = ClientContext.from_headers(headers or {}, now=started)
            caller = await identify(headers, self.resource, self.settings.client_id)
            name = caller.name
            yield caller, self.backend.of(caller, context)
            status = 200
        except TokenError as error:
            status = 401
            said = "" if error.reason == "missing" else "The bearer token cannot be used. "
            raise ToolError(f"{said}{error}") from error
        except (RemoteError, ProtocolError) as error:
            status = 400
            raise ToolError(str(error)) from error
        except ToolError:
            status = 400
            raise
        finally:
            hop = Hop(
                part=PART,
                operation=f"tools/call {tool}",
                identity=name,
                auth="none" if name == "anonymous" else "jwt",
                status=status,
                started=started,
                duration_ms=(self.clock.monotonic() - begun) * 1000,
                session=context.session_id,
                target=self.settings.audience,
                detail={"region": context.region, "agent": context.agent_name},
            )
            _hops.info(encode(hop))


def _check(settings: AccountsSettings) -> None:
    for name in ("issuer", "api_url", "client_secret"):
        if not getattr(settings, name):
            raise ConfigurationError(
                f"the accounts server does not know its {name.replace('_', ' ')}.",
                hint=f"Set ACCOUNTS_{name.upper()}.",
            )
