"""Refresh token (RFC 6749 section 6): each is good once, for every client (OAuth 2.1 section 4.3.1)."""

from __future__ import annotations

from skerry.idp.grants.from_grant import issuance, refreshable
from skerry.idp.grants.grant import Ask
from skerry.idp.issuance import Issuance
from skerry.idp.kept import refresh_tokens
from skerry.idp.realms import REFRESH_TOKEN


class RefreshToken:
    """`scope` and `resource` narrow this one access token; the next refresh has the whole grant again.

    A request that is refused for what it asks does not spend the token.
    """

    grant_type = REFRESH_TOKEN
    operation = "refresh_token"

    async def decide(self, ask: Ask) -> Issuance:
        records, secret = ask.issuer.records, ask.form.required("refresh_token")
        found = await refresh_tokens.refuse_unusable(records, secret, ask.client.id)
        narrowed = await issuance(ask, found)
        await refresh_tokens.spend(records, secret, found)
        return await refreshable(ask, found, narrowed)
