"""An auth provider for any FastMCP server: skerry's strict verifier, and refusals as MCP words them.

    server = FastMCP("notes", auth=ResourceAuth.of_issuer(
        "http://127.0.0.1:8000/mcp", issuer="http://127.0.0.1:4702/desk",
        scopes=["notes/read"], tool_scopes={"add_note": ["notes/write"]},
    ))

Sources: RFC 6750 (refusals), RFC 9728 (metadata, at the path of the resource and at the root), MCP
2026-07-28, authorization. Read from fastmcp 4.1: `AuthProvider.get_middleware` and `get_routes`.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import unquote

import httpx2
from fastmcp.server.auth import AccessToken, AuthProvider
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.routes import cors_middleware
from pydantic import Field
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from skerry.auth.challenge import WELL_KNOWN
from skerry.auth.http.transport import Transport
from skerry.auth.jwt.dialects import OAUTH, Claims, Dialect, scopes
from skerry.auth.jwt.keys import Keys
from skerry.auth.jwt.scopes import Hierarchy
from skerry.auth.ports import Clock
from skerry.errors import TokenError
from skerry.servers.auth_door import AuthDoor, Demands
from skerry.servers.http_auth import ProtectedResource


class _Token(AccessToken):
    token: str = Field(repr=False)


class ResourceAuth(AuthProvider):
    """Lets calls in that show a token of `resource`, and that have the scopes they need.

    `scopes` are what every call needs, `tool_scopes` what a tool needs besides, by its name as clients know
    it. A token that includes a needed scope by the resource's hierarchy has it, for FastMCP's own checks too.
    `open_ping` answers pings that show no token. Sessions belong to the token's client, issuer and subject
    (the MCP SDK compares them).
    """

    def __init__(
        self,
        resource: ProtectedResource,
        *,
        scopes: Sequence[str] = (),
        tool_scopes: Mapping[str, Sequence[str]] | None = None,
        open_ping: bool = False,
    ) -> None:
        needed = tuple(filter(None, scopes))
        super().__init__(required_scopes=list(needed))
        self.resource = resource
        self._demands = Demands(needed, dict(tool_scopes or {}))
        self._open_ping = open_ping

    @classmethod
    def of_issuer(
        cls,
        url: str,
        *,
        issuer: str,
        audience: str = "",
        scopes: Sequence[str] = (),
        tool_scopes: Mapping[str, Sequence[str]] | None = None,
        includes: Mapping[str, Collection[str]] | None = None,
        dialect: Dialect = OAUTH,
        clients: Sequence[str] = (),
        clock: Clock = time,
    ) -> ResourceAuth:
        """A provider for a server that clients reach at `url`, with tokens of `issuer`.

        `audience` is `url` when left out (RFC 8707). `includes` is the table of scopes that include others.
        `dialect` is how the issuer's tokens look; one without audience (Cognito) needs `clients`. `clock` is
        the time that tokens end by. Keys are fetched when the first token comes, over connections that do
        not stay open: there is nothing to close.
        """
        http = httpx2.AsyncClient(trust_env=False, limits=httpx2.Limits(max_keepalive_connections=0))
        needed = dict.fromkeys([*scopes, *(scope for more in (tool_scopes or {}).values() for scope in more)])
        resource = ProtectedResource(
            url,
            issuer,
            audience or url,
            Keys.of_issuer(issuer, fetch=Transport(http).fetch, clock=clock),
            tuple(needed),
            dialect,
            Hierarchy(includes),
            tuple(clients),
        )
        return cls(resource, scopes=scopes, tool_scopes=tool_scopes)

    @property
    def scopes_supported(self) -> list[str]:
        """The scopes that the metadata names."""
        return list(self.resource.metadata.scopes_supported)

    async def verify_token(self, token: str) -> AccessToken | None:
        """What a token gives, None when it does not hold. Never raises."""
        try:
            return self._access(token, await self.resource.verify_token(token))
        except TokenError:
            return None

    def get_routes(self, mcp_path: str | None = None) -> list[Route]:
        """The metadata, where clients look for it: at the path of the resource, and at the root."""
        self.set_mcp_path(mcp_path)

        async def metadata(_: Request) -> Response:
            return JSONResponse(self.resource.metadata.document())

        methods = ["GET", "OPTIONS"]
        door = cors_middleware(metadata, methods)
        # Routes are matched against decoded paths.
        places = dict.fromkeys((unquote(self.resource.metadata_path), WELL_KNOWN))
        return [Route(place, door, methods=methods) for place in places]

    def get_middleware(self) -> list[Any]:
        """What stands before every route of the server."""
        door = partial(
            AuthDoor,
            resource=self.resource,
            demands=self._demands,
            path=lambda: (self._mcp_path or "").rstrip("/"),
            user=lambda token, claims: AuthenticatedUser(self._access(token, claims)),
            ping=self._open_ping,
        )
        return [Middleware(door), Middleware(AuthContextMiddleware)]

    def _access(self, token: str, claims: Claims) -> AccessToken:
        """A verified token as FastMCP and its tools know it."""
        client = claims.get(self.resource.dialect.client)
        return _Token(
            token=token,
            client_id=client if isinstance(client, str) else "",
            scopes=sorted(self.resource.hierarchy.reach(scopes(claims))),
            expires_at=int(claims["exp"]),
            resource=self.resource.url,
            subject=str(claims["sub"]),
            claims=dict(claims),
        )
