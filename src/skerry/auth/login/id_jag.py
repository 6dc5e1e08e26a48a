"""Enterprise-managed authorization: a company's provider vouches for its person at an MCP server's provider.

    ID token ─(1: token exchange, at the company's provider)─▶ ID-JAG ─(2: JWT bearer)─▶ access token

Sources: MCP extension enterprise-managed-authorization (SEP-990), draft-ietf-oauth-identity-assertion-authz-
grant, RFC 8693 §2.1, RFC 7523 §2.1.
"""

from __future__ import annotations

from skerry.auth.json_object import json_object
from skerry.auth.login.grant import Asking, Grant
from skerry.auth.oauth import EXCHANGE, OAuthError
from skerry.errors import RemoteError
from skerry.wire.shown import safe

ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105  (a type name)
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


async def vouched(company: Asking, id_token: str, *, audience: str, scopes: tuple[str, ...] = ()) -> str:
    """Leg 1: an ID-JAG of the company's provider, for the issuer `audience` and the resource of `company`.

    `id_token` names the client of `company` in its `aud`. Raises OAuthError or RemoteError.
    """
    status, body = await company.answer(
        {
            "grant_type": EXCHANGE,
            "requested_token_type": ID_JAG,
            "subject_token": id_token,
            "subject_token_type": ID_TOKEN,
            "audience": audience,
            "scope": " ".join(scopes),
        }
    )
    data = json_object(body) or {}
    if status != 200:
        said = (safe(str(data.get(name, "")), 200) for name in ("error", "error_description"))
        raise OAuthError(status, *said)
    token = data.get("access_token")
    if not isinstance(token, str) or not token or data.get("issued_token_type") != ID_JAG:
        raise RemoteError("the company's identity provider gave no identity assertion.")
    if str(data.get("token_type", "")).upper() != "N_A":  # it is no access token and must not be used as one
        raise RemoteError("the company's identity provider calls its assertion an access token.")
    return token


async def redeemed(server: Asking, assertion: str, *, scopes: tuple[str, ...] = ()) -> Grant:
    """Leg 2: an access token of the MCP server's provider. Raises OAuthError or RemoteError."""
    form = {"grant_type": JWT_BEARER, "assertion": assertion, "scope": " ".join(scopes)}
    return await server.grant(form, scopes=scopes)
