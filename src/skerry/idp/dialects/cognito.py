"""Amazon Cognito user pools: an access token names its client and no audience, an ID token the reverse.

Sources: AWS, "Understanding the access token" and "Understanding the ID token". Unchecked against the
live service: the claims of a machine's token (`sub` is taken to be the app client id, without claims of a
user). The real service adds `aud` for a `resource` in user sign-in only; here client credentials may ask
for it too, so that both ways of configuring an authorizer can be tried. The real service has no token
exchange, and neither has this dialect.
"""

from __future__ import annotations

import uuid

from skerry.auth.dialects import COGNITO
from skerry.idp.dialects.dialect import PROTOCOL_CLAIMS, Claims, Dialect, audience
from skerry.idp.issuance import Issuance, Stamp
from skerry.idp.realms import CLIENT_CREDENTIALS

REGION = "us-east-1"

_RESERVED = PROTOCOL_CLAIMS | {"username", "version", "origin_jti", "event_id", "device_key", "identities"}


def _access(issuance: Issuance, stamp: Stamp) -> Claims:
    claims: Claims = {
        **issuance.claims,
        "sub": issuance.subject,
        "iss": stamp.issuer,
        "version": 2,
        "client_id": issuance.client_id,
        "token_use": "access",
        "auth_time": stamp.now,
        "exp": stamp.now + issuance.lifetime,
        "iat": stamp.now,
        "jti": stamp.token_id,
    }
    if issuance.scopes:
        claims["scope"] = " ".join(issuance.scopes)
    if issuance.audiences:
        claims["aud"] = audience(issuance.audiences)
    if issuance.username:
        claims |= {"username": issuance.username, "origin_jti": str(uuid.uuid4())}
    return claims


def _identity(issuance: Issuance, stamp: Stamp) -> Claims:
    return {
        **issuance.claims,
        "sub": issuance.subject,
        "iss": stamp.issuer,
        "cognito:username": issuance.username or issuance.subject,
        "origin_jti": str(uuid.uuid4()),
        "aud": issuance.client_id,
        "event_id": str(uuid.uuid4()),
        "token_use": "id",
        "auth_time": stamp.now,
        "exp": stamp.now + issuance.lifetime,
        "iat": stamp.now,
        "jti": stamp.token_id,
    }


DIALECT = Dialect(
    name="cognito",
    path=lambda realm: f"/{REGION}_{realm}",
    access_type=None,
    identity_type=None,
    needs_audience=False,
    grants=frozenset({CLIENT_CREDENTIALS}),
    access=_access,
    identity=_identity,
    verified_as=COGNITO,
    reserved=_RESERVED,
    reserved_prefix="cognito:",
)
