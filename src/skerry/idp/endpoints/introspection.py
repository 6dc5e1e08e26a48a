"""The introspection endpoint (RFC 7662): whether a token is still good, for whom it concerns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.auth.jwt.dialects import audiences, scopes
from skerry.errors import TokenError
from skerry.idp.endpoints.form_endpoint import FormEndpoint, Trace
from skerry.idp.form import Form
from skerry.idp.kept import refresh_tokens
from skerry.idp.oauth_errors import unauthorized_client
from skerry.idp.realms import Client

INACTIVE = {"active": False}

_TOLD = ("sub", "aud", "iss", "exp", "iat", "nbf", "jti", "username", "act")


class Introspection(FormEndpoint):
    """The introspection endpoint of one issuer.

    A client learns of its own tokens, and of those for one of its `own_audiences`. About any other token, an
    expired, revoked or unknown one, the answer is `{"active": false}` and nothing else (section 2.2).
    """

    operation = "introspect"

    async def answer(self, client: Client, asked: Form, trace: Trace) -> dict[str, Any]:
        if client.is_public:  # section 2.1: whoever asks must be known
            raise unauthorized_client("A public client may not introspect tokens.")
        token = asked.required("token")
        try:
            claims = await self.issuer.own(token)
        except TokenError:
            found = await self._refresh(token, client)
        else:
            found = self._access(claims, client)
        trace.detail["active"] = str(found["active"]).lower()
        return found

    def _access(self, claims: Mapping[str, Any], client: Client) -> dict[str, Any]:
        owner = claims.get(self.issuer.dialect.verified_as.client)
        if owner != client.id and not audiences(claims) & set(client.own_audiences):
            return INACTIVE
        told = {name: claims[name] for name in _TOLD if name in claims}
        scope = " ".join(sorted(scopes(claims)))
        return {
            "active": True,
            "client_id": owner,
            "token_type": "Bearer",
            **told,
            **({"scope": scope} if scope else {}),
        }

    async def _refresh(self, token: str, client: Client) -> dict[str, Any]:
        granted = await refresh_tokens.find(self.issuer.records, token)
        if granted is None or granted.client_id != client.id:
            return INACTIVE
        return {
            "active": True,
            "client_id": client.id,
            "sub": granted.subject,
            "scope": " ".join(granted.scopes),
            "exp": int(granted.ends),
            "iss": self.issuer.url,
        }
