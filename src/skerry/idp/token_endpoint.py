"""The token endpoint (RFC 6749 section 3.2): by which grant a client asks, and what comes back."""

from __future__ import annotations

from typing import Any

from skerry.idp.form import Form
from skerry.idp.form_endpoint import FormEndpoint, Trace
from skerry.idp.grants import GRANTS, Ask, Grant
from skerry.idp.issuance import Issuance, Issued
from skerry.idp.oauth_errors import unauthorized_client, unsupported_grant_type
from skerry.idp.realms import CONFIDENTIAL_GRANTS, Client


class TokenEndpoint(FormEndpoint):
    """The token endpoint of one issuer."""

    operation = "token"

    async def answer(self, client: Client, asked: Form, trace: Trace) -> dict[str, Any]:
        grant = self._grant(asked.required("grant_type"))
        trace.operation = grant.operation
        if grant.grant_type not in client.grants:
            raise unauthorized_client(f"This client may not use the grant {grant.grant_type}.")
        if client.is_public and grant.grant_type in CONFIDENTIAL_GRANTS:
            raise unauthorized_client("This grant is for clients that prove themselves; this one is public.")
        await self.issuer.ready()
        issuance = await grant.decide(Ask(client, asked, self.issuer))
        trace.target = " ".join(issuance.audiences)
        trace.detail |= {"subject": issuance.subject, "scope": " ".join(issuance.scopes)}
        return _success(await self.issuer.issue(issuance), issuance)

    def _grant(self, grant_type: str) -> Grant:
        for grant in GRANTS:
            if grant.grant_type == grant_type and grant_type in self.issuer.dialect.grants:
                return grant
        raise unsupported_grant_type(
            f"This issuer does not offer that grant; it has {', '.join(sorted(self.issuer.dialect.grants))}."
        )


def _success(issued: Issued, issuance: Issuance) -> dict[str, Any]:
    """The successful answer (RFC 6749 section 5.1, RFC 8693 section 2.2.1, OpenID Connect Core 3.1.3.3)."""
    members = {
        "access_token": issued.access_token,
        # RFC 8693 section 2.2.1: what was issued may not be an access token
        "token_type": "Bearer" if issuance.assertion is None else "N_A",
        "expires_in": issuance.lifetime,
        "scope": " ".join(issuance.scopes),
        "issued_token_type": issuance.token_type,
        "refresh_token": issuance.refresh_token,
        "id_token": issued.id_token,
    }
    return {name: value for name, value in members.items() if value != ""}
