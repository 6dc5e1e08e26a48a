"""Whose call a tool serves: the bearer token that reaches the server, verified for this server.

The token is for proving who calls and for exchanging it; it never goes to the API.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.datastructures import Headers

from skerry.auth.tokens import bearer
from skerry.errors import TokenError
from skerry.servers.http_auth import ProtectedResource


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: `name` is `sub@issuer`. An empty `token` means the server itself, over stdio."""

    name: str
    token: str = field(default="", repr=False)


async def identify(headers: Headers | None, resource: ProtectedResource, client_id: str) -> Caller:
    """The caller of a request; without HTTP, as over stdio, the server's own client.

    Raises TokenError, whose text says what is wrong with the token and what to do.
    """
    if headers is None:
        return Caller(f"{client_id}@{resource.issuer}")
    authorization = headers.getlist("authorization")
    if not authorization:
        raise TokenError(
            "missing",
            "This call carries no bearer token.",
            hint=f"It needs one for the audience '{resource.audience}'. Behind a runtime, its "
            "requestHeaderAllowlist must name Authorization.",
        )
    claims = await resource.verify(authorization)
    return Caller(f"{claims['sub']}@{claims['iss']}", bearer(authorization))
