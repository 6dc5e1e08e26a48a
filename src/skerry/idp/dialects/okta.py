"""Okta's custom authorization servers: `cid` for the client, `scp` as a list, one audience per server.

Sources: Okta, "Authorization servers" and "OpenID Connect & OAuth 2.0 API" (claims, endpoints below
`ISSUER/v1`); what a machine's token has is a field report. Nothing was checked against the live service. An
organization's host name is a path here: `/NAME/oauth2/default`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.auth.jwt.dialects import OKTA, scope_list
from skerry.idp.dialects.dialect import PROTOCOL_CLAIMS, Claims, Dialect, Paths, audience, named, openid
from skerry.idp.issuance import Issuance, Stamp
from skerry.idp.realms import (
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    DEVICE_CODE,
    REFRESH_TOKEN,
    TOKEN_EXCHANGE,
)

_VERSION = 1
_ACCESS = "AT."


def _paths(issuer_path: str) -> Paths:
    base = f"{issuer_path}/v1"
    return Paths(
        token=f"{base}/token",
        authorize=f"{base}/authorize",
        keys=f"{base}/keys",
        userinfo=f"{base}/userinfo",
        revoke=f"{base}/revoke",
        introspect=f"{base}/introspect",
        device=f"{base}/device/authorize",
        register=f"{base}/clients",
        logout=f"{base}/logout",
    )


def _access(issuance: Issuance, stamp: Stamp) -> Claims:
    """`sub` is what a person signs in with, `uid` the person's id; of a machine `sub` is its client id."""
    claims: Claims = {
        **issuance.claims,
        "ver": _VERSION,
        "jti": f"{_ACCESS}{stamp.token_id}",
        "iss": stamp.issuer,
        "aud": audience(issuance.audiences),
        "iat": stamp.now,
        "exp": stamp.now + issuance.lifetime,
        "cid": issuance.client_id,
        "scp": list(issuance.scopes),
        "sub": issuance.username or issuance.subject,
    }
    if issuance.username:
        claims |= {"uid": issuance.subject, "auth_time": issuance.auth_time or stamp.now}
    if issuance.groups:
        claims["groups"] = list(issuance.groups)
    if issuance.act is not None:
        claims["act"] = dict(issuance.act)
    return claims


def _plain(claims: Mapping[str, Any]) -> Claims:
    return {
        **claims,
        **({"preferred_username": claims["sub"]} if "uid" in claims else {}),
        "sub": claims.get("uid", claims["sub"]),
        "client_id": claims["cid"],
        "scope": " ".join(scope_list(claims)),
        "jti": str(claims["jti"]).removeprefix(_ACCESS),
    }


def _identity(issuance: Issuance, stamp: Stamp) -> Claims:
    claims = openid(issuance, stamp) | named(issuance)
    claims |= {"ver": _VERSION, "jti": f"ID.{stamp.token_id}", "amr": ["pwd"], "idp": stamp.issuer}
    return claims | ({"groups": list(issuance.groups)} if issuance.groups else {})


DIALECT = Dialect(
    name="okta",
    path=lambda realm: f"/{realm.name}/oauth2/default",
    paths=_paths,
    access_type=None,
    identity_type=None,
    needs_audience=True,
    default_audience="api://default",
    grants=frozenset({CLIENT_CREDENTIALS, AUTHORIZATION_CODE, REFRESH_TOKEN, DEVICE_CODE, TOKEN_EXCHANGE}),
    access=_access,
    identity=_identity,
    verified_as=OKTA,
    plain=_plain,
    reserved=PROTOCOL_CLAIMS | {"cid", "uid", "ver", "scp", "groups", "idp", "preferred_username"},
)
