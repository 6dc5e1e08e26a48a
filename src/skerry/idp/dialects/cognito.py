"""Amazon Cognito user pools: an access token names its client and no audience, an ID token the reverse.

Sources: AWS, "Understanding the access token" and "Understanding the ID token". Unchecked against the
live service: the claims of a machine's token (`sub` is taken to be the app client id, without claims of a
user). The real service adds `aud` for a `resource` in user sign-in only; here client credentials may ask
for it too, so that both ways of configuring an authorizer can be tried. The real service has no token
exchange, and neither has this dialect.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from skerry.auth.dialects import COGNITO
from skerry.idp.dialects.dialect import PROTOCOL_CLAIMS, Claims, Dialect, Paths, audience
from skerry.idp.issuance import Issuance, Stamp
from skerry.idp.realms import AUTHORIZATION_CODE, CLIENT_CREDENTIALS, REFRESH_TOKEN

REGION = "us-east-1"
_GROUPS = "cognito:groups"

_RESERVED = PROTOCOL_CLAIMS | {"username", "version", "origin_jti", "event_id", "device_key", "identities"}


def _access(issuance: Issuance, stamp: Stamp) -> Claims:
    claims: Claims = {
        **issuance.claims,
        "sub": issuance.subject,
        "iss": stamp.issuer,
        "version": 2,
        "client_id": issuance.client_id,
        "token_use": "access",
        "auth_time": issuance.auth_time or stamp.now,
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
    if issuance.groups:
        claims[_GROUPS] = list(issuance.groups)
    return claims


def _identity(issuance: Issuance, stamp: Stamp) -> Claims:
    return {
        **issuance.claims,
        **issuance.identity,
        **({_GROUPS: list(issuance.groups)} if issuance.groups else {}),
        **({"nonce": issuance.nonce} if issuance.nonce else {}),
        "sub": issuance.subject,
        "iss": stamp.issuer,
        "cognito:username": issuance.username or issuance.subject,
        "origin_jti": str(uuid.uuid4()),
        "aud": issuance.client_id,
        "event_id": str(uuid.uuid4()),
        "token_use": "id",
        "auth_time": issuance.auth_time or stamp.now,
        "exp": stamp.now + issuance.lifetime,
        "iat": stamp.now,
        "jti": stamp.token_id,
    }


def _paths(issuer_path: str) -> Paths:
    """The real service has neither introspection nor device codes."""
    return replace(Paths.below(issuer_path), introspect="", device="")


DIALECT = Dialect(
    name="cognito",
    path=lambda realm: f"/{REGION}_{realm}",
    access_type=None,
    identity_type=None,
    needs_audience=False,
    grants=frozenset({CLIENT_CREDENTIALS, AUTHORIZATION_CODE, REFRESH_TOKEN}),
    access=_access,
    identity=_identity,
    verified_as=COGNITO,
    reserved=_RESERVED,
    reserved_prefix="cognito:",
    paths=_paths,
    groups_claim=_GROUPS,
)
