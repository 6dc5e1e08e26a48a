"""Amazon Cognito user pools: an access token names its client and no audience, an ID token the reverse.

Sources: AWS, "Understanding the access token", "Understanding the ID token", "Token endpoint", "User pool
endpoints and managed login reference". The issuer is the pool, `/us-east-1_NAME`; the pool's domain, a host
of its own in the service, is `/NAME.auth` here: a client that makes the token endpoint out of the issuer
fails here as it would there.

Unchecked against the live service: the claims of a machine's token (`sub` is taken to be the app client id,
without claims of a user). The real service adds `aud` for a `resource` in user sign-in only; here client
credentials may ask for it too, so that both ways of configuring an authorizer can be tried. The real service
has no token exchange, device code, RFC 8414 metadata or registration; the metadata can be switched on.
"""

from __future__ import annotations

import uuid

from skerry.auth.jwt.dialects import COGNITO
from skerry.idp.dialects.dialect import PROTOCOL_CLAIMS, RETURN, Claims, Dialect, Logout, Paths, audience
from skerry.idp.issuance import Issuance, Stamp
from skerry.idp.realms import AUTHORIZATION_CODE, CLIENT_CREDENTIALS, REFRESH_TOKEN, Realm

REGION = "us-east-1"
_GROUPS = "cognito:groups"

_RESERVED = PROTOCOL_CLAIMS | {"username", "version", "origin_jti", "event_id", "device_key", "identities"}


def pool_id(realm: Realm) -> str:
    """The id of the user pool."""
    return f"{REGION}_{realm.name}"


def _paths(issuer_path: str) -> Paths:
    domain = f"/{issuer_path.removeprefix('/').removeprefix(f'{REGION}_')}.auth"
    base = f"{domain}/oauth2"
    return Paths(
        token=f"{base}/token",
        authorize=f"{base}/authorize",
        keys=f"{issuer_path}/.well-known/jwks.json",
        userinfo=f"{base}/userInfo",
        revoke=f"{base}/revoke",
        introspect="",
        device="",
        register=f"{base}/register",
        logout=f"{domain}/logout",
        login=f"{domain}/login",
    )


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
        claims |= {"username": issuance.username, **_sign_in(issuance, stamp)}
    if issuance.groups:
        claims[_GROUPS] = list(issuance.groups)
    return claims


def _identity(issuance: Issuance, stamp: Stamp) -> Claims:
    """The scopes of the request do not matter: an ID token has every attribute that the client may read."""
    claims: Claims = {
        **issuance.claims,
        **issuance.identity,
        "sub": issuance.subject,
        "iss": stamp.issuer,
        "cognito:username": issuance.username or issuance.subject,
        "aud": issuance.client_id,
        "token_use": "id",
        "auth_time": issuance.auth_time or stamp.now,
        "exp": stamp.now + issuance.lifetime,
        "iat": stamp.now,
        "jti": _derived("id", stamp.token_id),
        **_sign_in(issuance, stamp),
    }
    if issuance.nonce:
        claims["nonce"] = issuance.nonce
    if issuance.groups:
        claims[_GROUPS] = list(issuance.groups)
    if issuance.roles:
        claims |= {"cognito:roles": list(issuance.roles), "cognito:preferred_role": issuance.roles[0]}
    return claims


def _sign_in(issuance: Issuance, stamp: Stamp) -> Claims:
    """What the tokens of one sign-in, and those that they are refreshed to, have in common."""
    return {
        "origin_jti": _derived("origin", issuance.family or stamp.token_id),
        "event_id": _derived("event", issuance.family or stamp.token_id),
    }


def _derived(kind: str, name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"skerry:{kind}:{name}"))


DIALECT = Dialect(
    name="cognito",
    path=lambda realm: f"/{pool_id(realm)}",
    paths=_paths,
    access_type=None,
    identity_type=None,
    needs_audience=False,
    grants=frozenset({CLIENT_CREDENTIALS, AUTHORIZATION_CODE, REFRESH_TOKEN}),
    access=_access,
    identity=_identity,
    verified_as=COGNITO,
    discovery="openid",
    reserved=_RESERVED,
    reserved_prefix="cognito:",
    groups_claim=_GROUPS,
    logout=Logout(words={"logout_uri": RETURN}, sign_in_again=True),
)
