"""Auth0: an issuer with a slash at its end, `azp` for the client, or the RFC 9068 profile.

Sources: Auth0, "Access token profiles", "Client credentials flow" and "Get access tokens". Nothing was
checked against the live service. A tenant's host name is a path here: `/NAME/`. `auth0-rfc9068` is the API
setting "RFC 9068" (`token_dialect: rfc9068_profile`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from skerry.auth.jwt.dialects import AUTH0, AUTH0_RFC9068
from skerry.idp.dialects.dialect import (
    PROTOCOL_CLAIMS,
    RETURN,
    Claims,
    Dialect,
    Logout,
    Paths,
    audience,
    named,
    openid,
)
from skerry.idp.issuance import Issuance, Stamp
from skerry.idp.realms import AUTHORIZATION_CODE, CLIENT_CREDENTIALS, DEVICE_CODE, REFRESH_TOKEN

_MACHINE = "@clients"
_OPENID = "openid"


def _paths(issuer_path: str) -> Paths:
    base = issuer_path.rstrip("/")
    return Paths(
        token=f"{base}/oauth/token",
        authorize=f"{base}/authorize",
        keys=f"{base}/.well-known/jwks.json",
        userinfo=f"{base}/userinfo",
        revoke=f"{base}/oauth/revoke",
        introspect="",
        device=f"{base}/oauth/device/code",
        register=f"{base}/oidc/register",
        logout=f"{base}/oidc/logout",
        other_logout=f"{base}/v2/logout",
    )


def _common(issuance: Issuance, stamp: Stamp) -> Claims:
    """With the scope openid a token is for userinfo too; a machine is `ID@clients`."""
    audiences = issuance.audiences
    if issuance.username and _OPENID in issuance.scopes:
        audiences = (*audiences, f"{stamp.issuer}userinfo")
    claims: Claims = {
        **issuance.claims,
        "iss": stamp.issuer,
        "sub": issuance.subject if issuance.username else f"{issuance.client_id}{_MACHINE}",
        "aud": audience(audiences),
        "iat": stamp.now,
        "exp": stamp.now + issuance.lifetime,
    }
    return claims | ({"scope": " ".join(issuance.scopes)} if issuance.scopes else {})


def _access(issuance: Issuance, stamp: Stamp) -> Claims:
    claims = _common(issuance, stamp) | {"azp": issuance.client_id}
    return claims | ({} if issuance.username else {"gty": "client-credentials"})


def _access_rfc9068(issuance: Issuance, stamp: Stamp) -> Claims:
    return _common(issuance, stamp) | {"client_id": issuance.client_id, "jti": stamp.token_id}


def _plain(claims: Mapping[str, Any]) -> Claims:
    return {**claims, "client_id": claims["azp"]}


def _identity(issuance: Issuance, stamp: Stamp) -> Claims:
    """Groups are no claim of Auth0's: an action of the tenant adds them under a URL as their name."""
    return openid(issuance, stamp) | named(issuance)


DIALECT = Dialect(
    name="auth0",
    path=lambda realm: f"/{realm.name}/",
    paths=_paths,
    access_type="JWT",
    identity_type="JWT",
    needs_audience=True,
    grants=frozenset({CLIENT_CREDENTIALS, AUTHORIZATION_CODE, REFRESH_TOKEN, DEVICE_CODE}),
    access=_access,
    identity=_identity,
    verified_as=AUTH0,
    plain=_plain,
    logout=Logout(words={"returnTo": RETURN}),
    reserved=PROTOCOL_CLAIMS | {"gty", "permissions", "preferred_username"},
)

RFC9068 = replace(
    DIALECT,
    name="auth0-rfc9068",
    access_type="at+jwt",
    access=_access_rfc9068,
    verified_as=AUTH0_RFC9068,
    plain=dict,
)
