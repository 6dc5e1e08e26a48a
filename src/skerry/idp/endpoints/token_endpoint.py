"""The token endpoint (RFC 6749 section 3.2): by which grant a client asks, and what comes back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from skerry.idp.endpoints.form_endpoint import FormEndpoint, Trace
from skerry.idp.form import Form
from skerry.idp.grants import GRANTS, Ask, Grant
from skerry.idp.issuance import Issuance, Issued
from skerry.idp.oauth_errors import invalid_request, unauthorized_client, unsupported_grant_type
from skerry.idp.realms import CLIENT_CREDENTIALS, CONFIDENTIAL_GRANTS, Client
from skerry.idp.triggers.generation import TriggerFailedError


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
        form = self.issuer.dialect.read(asked)
        issuance = replace(
            await grant.decide(Ask(client, form, self.issuer)),
            grant_type=grant.grant_type,
            client_metadata=_metadata(form),
        )
        trace.target = " ".join(issuance.audiences)
        trace.detail |= {"subject": issuance.subject, "scope": " ".join(issuance.scopes)}
        try:
            issued = await self.issuer.issue(issuance)
        except TriggerFailedError as error:
            trace.detail["trigger"] = error.note
            raise
        await self.issuer.directory.used(client)
        if issued.notes:
            trace.detail["trigger"] = " ".join(issued.notes)
        return _success(issued, issuance)

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
        "scope": " ".join(issued.scopes),
        "issued_token_type": issuance.token_type,
        "refresh_token": issuance.refresh_token,
        "id_token": issued.id_token,
    }
    return {name: value for name, value in members.items() if value != ""}


def _metadata(form: Form) -> Mapping[str, str]:
    """`aws_client_metadata`: what a machine tells a trigger (AWS, "Token endpoint", client credentials).

    Raises OAuthError (invalid_request) unless it is a JSON object of strings.
    """
    text = form.one("aws_client_metadata")
    if not text or form.one("grant_type") != CLIENT_CREDENTIALS:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise invalid_request("aws_client_metadata is a JSON object whose values are strings.")
    return found
