"""Plain OAuth: JWT access tokens of RFC 9068 and ID tokens of OpenID Connect Core section 2."""

from __future__ import annotations

from skerry.auth.dialects import OAUTH
from skerry.idp.dialects.dialect import Claims, Dialect, audience
from skerry.idp.issuance import Issuance, Stamp
from skerry.idp.realms import CLIENT_CREDENTIALS, TOKEN_EXCHANGE


def _access(issuance: Issuance, stamp: Stamp) -> Claims:
    claims: Claims = {
        **issuance.claims,
        "iss": stamp.issuer,
        "sub": issuance.subject,
        "aud": audience(issuance.audiences),
        "client_id": issuance.client_id,
        "iat": stamp.now,
        "exp": stamp.now + issuance.lifetime,
        "jti": stamp.token_id,
    }
    if issuance.scopes:
        claims["scope"] = " ".join(issuance.scopes)
    if issuance.act is not None:
        claims["act"] = dict(issuance.act)
    return claims


def _identity(issuance: Issuance, stamp: Stamp) -> Claims:
    return {
        **issuance.claims,
        "iss": stamp.issuer,
        "sub": issuance.subject,
        "aud": issuance.client_id,
        "iat": stamp.now,
        "exp": stamp.now + issuance.lifetime,
        "auth_time": stamp.now,
        **({"preferred_username": issuance.username} if issuance.username else {}),
    }


DIALECT = Dialect(
    name="oauth",
    path=lambda realm: f"/{realm}",
    access_type="at+jwt",
    identity_type="JWT",
    needs_audience=True,
    grants=frozenset({CLIENT_CREDENTIALS, TOKEN_EXCHANGE}),
    access=_access,
    identity=_identity,
    verified_as=OAUTH,
)
