"""The headers of an older design, for an MCP server that still sends them: off unless the settings say so.

`X-JWT-TOKEN` is one more place for the token, which is checked like any other and must be an exchanged one:
it names who acts (RFC 8693 §4.1), so a caller's own token does not do. `X-TENANT-ID` decides nothing: the
tenant is the claim of the token, and a header that says otherwise is refused.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers

from skerry.auth.jwt.dialects import Claims
from skerry.servers.accounts.api.reading import ProblemError
from skerry.wire.headers import decode_value

TOKEN = "X-JWT-TOKEN"  # noqa: S105  (a header name)
TENANT = "X-TENANT-ID"
WARNING = "compatibility headers are on: X-JWT-TOKEN and X-TENANT-ID are read, and checked against the token."


def credentials(headers: Headers) -> Headers:
    """The headers with the token of X-JWT-TOKEN, if there is one, as the bearer token.

    Raises ProblemError (400) for several tokens that are not one and the same.
    """
    given = headers.getlist(TOKEN)
    if not given:
        return headers
    shown = [f"Bearer {token}" for token in given]
    sent = headers.getlist("authorization") or shown
    if len(given) > 1 or sent != shown:
        raise ProblemError(
            400, "invalid_request", f"Authorization and {TOKEN} must carry one and the same token."
        )
    kept = [pair for pair in headers.raw if pair[0].lower() != b"authorization"]
    return Headers(raw=[*kept, (b"authorization", shown[0].encode("latin-1"))])


def exchanged(headers: Headers, claims: Claims) -> bool:
    """Whether the token may have come in X-JWT-TOKEN: it did not, or it says who acts for its subject."""
    return TOKEN not in headers or isinstance(claims.get("act"), Mapping)


def check_tenant(headers: Headers, tenant: str) -> None:
    """Raises ProblemError: 400 for several X-TENANT-ID, 403 for one that is not the tenant of the token."""
    given = headers.getlist(TENANT)
    if len(given) > 1:
        raise ProblemError(400, "invalid_request", f"Send one {TENANT}.")
    if given and decode_value(given[0]) != tenant:
        raise ProblemError(403, "tenant_mismatch", f"{TENANT} is not the tenant of the token.")
