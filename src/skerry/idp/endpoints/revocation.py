"""The revocation endpoint (RFC 7009): a client gives back a token of its own."""

from __future__ import annotations

from skerry.errors import TokenError
from skerry.idp.endpoints.form_endpoint import FormEndpoint, Trace
from skerry.idp.form import Form
from skerry.idp.kept import issued, refresh_tokens
from skerry.idp.oauth_errors import invalid_grant
from skerry.idp.realms import Client


class Revocation(FormEndpoint):
    """The revocation endpoint of one issuer; `token_type_hint` is not needed and not looked at.

    A refresh token ends with all that came of its sign-in, an access token alone. What is unknown or over is
    answered with 200 as well (section 2.2); another client's is refused (section 2.1).
    """

    operation = "revoke"

    async def answer(self, client: Client, asked: Form, trace: Trace) -> None:
        token, records = asked.required("token"), self.issuer.records
        known = await refresh_tokens.family(records, token)
        if known is not None:
            family, owner = known
            if owner != client.id:
                raise _foreign()
            trace.detail["ended"] = str(await records.drop_family(family))
            return
        try:
            claims = await self.issuer.own(token)
        except TokenError:
            return
        if claims.get(self.issuer.dialect.verified_as.client) != client.id:
            raise _foreign()
        trace.detail["subject"] = str(claims["sub"])
        await issued.revoke(records, token, expires=float(claims["exp"]))


def _foreign() -> Exception:
    return invalid_grant("The token was issued to another client.")
