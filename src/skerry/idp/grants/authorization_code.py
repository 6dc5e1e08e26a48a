"""Authorization code with PKCE (OAuth 2.1 section 4.1): what a person granted in a browser."""

from __future__ import annotations

import hmac

from skerry.idp.grants.from_grant import issuance, refreshable
from skerry.idp.grants.grant import Ask
from skerry.idp.issuance import Issuance
from skerry.idp.kept import codes, granted
from skerry.idp.oauth_errors import invalid_grant
from skerry.idp.realms import AUTHORIZATION_CODE


class AuthorizationCode:
    """`code` once, with `redirect_uri` and `code_verifier` of the same sign-in.

    Every code has a challenge, so there is none that a verifier could be missing from (RFC 9700 section
    2.1.1). The first try of its client spends it, whatever comes of it.
    """

    grant_type = AUTHORIZATION_CODE
    operation = "authorization_code"

    async def decide(self, ask: Ask) -> Issuance:
        form, records = ask.form, ask.issuer.records
        secret, redirect_uri = form.required("code"), form.required("redirect_uri")
        code = await codes.spend(records, secret, client_id=ask.client.id)
        if not hmac.compare_digest(redirect_uri.encode(), code.redirect_uri.encode()):
            raise invalid_grant("redirect_uri is not that of the authorization request.")
        codes.check_verifier(form.one("code_verifier"), code.challenge)
        found = await granted.confirm(records, ask.issuer.realm, code.family)
        if found is None:
            raise invalid_grant("The sign-in of this code was revoked.")
        await codes.keep_spent(records, secret, found)
        return await refreshable(ask, found, await issuance(ask, found, nonce=code.nonce))
