"""Whose call a tool serves: the bearer token that reaches the server, verified for this server.

The token is for proving who calls, and for exchanging it; it never goes to what stands behind a server.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fastmcp import Context
from starlette.datastructures import Headers

from skerry.auth.jwt.dialects import Claims
from skerry.auth.jwt.tokens import bearer
from skerry.errors import TokenError
from skerry.servers.http_auth import ProtectedResource


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, with the claims of the verified token. No `token` means the server itself, over stdio."""

    subject: str
    issuer: str
    token: str = field(default="", repr=False)
    claims: Claims = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        """`sub@issuer`, as hops show it."""
        return f"{self.subject}@{self.issuer}"


async def identify(headers: Headers | None, resource: ProtectedResource, client_id: str) -> Caller:
    """The caller of a request; without HTTP, as over stdio, the server's own client.

    Raises TokenError, whose text says what is wrong with the token and what to do.
    """
    if headers is None:
        return Caller(client_id, resource.issuer)
    authorization = headers.getlist("authorization")
    if not authorization:
        raise TokenError(
            "missing",
            "This call carries no bearer token.",
            hint=f"It needs one for the audience '{resource.audience}'. Behind a runtime, its "
            "requestHeaderAllowlist must name Authorization.",
        )
    claims = await resource.verify(authorization)
    return Caller(str(claims["sub"]), str(claims["iss"]), bearer(authorization), claims)


def request_headers(ctx: Context) -> Headers | None:
    """The headers of this very request, which a session shares with nobody; None over stdio."""
    request = ctx.request_context.request if ctx.request_context is not None else None
    return request.headers if request is not None else None
