"""Plain OAuth: JWT access tokens of RFC 9068 and ID tokens of OpenID Connect Core section 2."""

from __future__ import annotations

from skerry.auth.jwt.dialects import OAUTH
from skerry.idp.dialects.dialect import Claims, Dialect, audience, named, openid
from skerry.idp.issuance import Issuance, Stamp
from skerry.idp.realms import (
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    DEVICE_CODE,
    JWT_BEARER,
    REFRESH_TOKEN,
    TOKEN_EXCHANGE,
)


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
    if issuance.groups:  # RFC 9068 section 2.2.3.1
        claims["groups"] = list(issuance.groups)
    return claims


def _identity(issuance: Issuance, stamp: Stamp) -> Claims:
    claims = openid(issuance, stamp) | named(issuance)
    return claims | ({"groups": list(issuance.groups)} if issuance.groups else {})


DIALECT = Dialect(
    name="oauth",
    path=lambda realm: f"/{realm.name}",
    access_type="at+jwt",
    identity_type="JWT",
    needs_audience=True,
    grants=frozenset(
        {CLIENT_CREDENTIALS, TOKEN_EXCHANGE, JWT_BEARER, AUTHORIZATION_CODE, REFRESH_TOKEN, DEVICE_CODE}
    ),
    access=_access,
    identity=_identity,
    verified_as=OAUTH,
)
