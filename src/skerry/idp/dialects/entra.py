"""Microsoft Entra ID: `azp` for the client, `scp` for what a person granted, `roles` for what a machine may.

Sources: Microsoft, "Access token claims reference", "ID token claims reference" and "OAuth 2.0 client
credentials flow". Nothing was checked against the live service. The tenant's id is made from the realm's name
where none is given.

| | v2.0 | v1.0 |
|---|---|---|
| `iss` | `…/TENANT/v2.0` | `https://sts.windows.net/TENANT/` |
| client | `azp` | `appid` |
| `ver` | `2.0` | `1.0` |

An API gets v1.0 tokens until its manifest says `requestedAccessTokenVersion: 2`, whatever endpoint was asked.
The dialect `entra-v1` is such an API: its tokens never fit the metadata that they were asked by, and are here
to see them refused. The real service makes `sub` different for each application; here it is the person's id,
as `oid` is.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from skerry.auth.jwt.dialects import ENTRA
from skerry.idp.dialects.dialect import (
    PROTOCOL_CLAIMS,
    Claims,
    Dialect,
    Logout,
    Paths,
    audience,
    named,
    openid,
)
from skerry.idp.form import Form
from skerry.idp.issuance import Issuance, Stamp
from skerry.idp.realms import (
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    DEVICE_CODE,
    REFRESH_TOKEN,
    Realm,
)

_END = "/v2.0"
_ALL = "/.default"
_APP_URI = "api://"
_SECRET_PROVED = "1"  # noqa: S105 - azpacr: the client proved itself by a secret

_RESERVED = PROTOCOL_CLAIMS | {"tid", "oid", "ver", "scp", "roles", "groups", "azpacr", "appid", "appidacr"}
_RESERVED |= {"uti", "idtyp", "idp", "preferred_username", "unique_name"}


def tenant(realm: Realm) -> str:
    """The tenant's id: the realm's own, else one that is always the same for this name."""
    return realm.tenant or str(uuid.uuid5(uuid.NAMESPACE_URL, f"skerry:tenant:{realm.name}"))


def _paths(issuer_path: str) -> Paths:
    base = issuer_path.removesuffix(_END)
    own = f"{base}/oauth2/v2.0"
    return Paths(
        token=f"{own}/token",
        authorize=f"{own}/authorize",
        keys=f"{base}/discovery/v2.0/keys",
        userinfo=f"{base}/oidc/userinfo",
        revoke="",
        introspect="",
        device=f"{own}/devicecode",
        register=f"{own}/register",
        logout=f"{own}/logout",
    )


def _read(form: Form) -> Form:
    """`scope` in Entra's words: `api://APP/.default` is an audience, `api://APP/read` a scope of one.

    A plain scope stays one. The audience loses `api://`: in v2.0 tokens `aud` is the id of the application.
    """
    scopes, found = [], list(form.all("audience"))
    for word in form.one("scope").split(" "):
        resource, slash, name = word.rpartition("/")
        if not (slash and word.startswith(_APP_URI) and len(resource) > len(_APP_URI)):
            scopes.append(word)
            continue
        found.append(resource.removeprefix(_APP_URI))
        if slash + name != _ALL:
            scopes.append(name)
    changed = {"scope": (" ".join(filter(None, scopes)),), "audience": tuple(found)}
    values = {**form.values, **changed}
    return replace(form, values={name: value for name, value in values.items() if any(value)})


def _tenant_of(issuer: str) -> str:
    return issuer.removesuffix(_END).rpartition("/")[2]


def _object_id(issuance: Issuance, stamp: Stamp) -> str:
    """A person's id; for a machine that of its service principal, which is not its client id."""
    if issuance.username:
        return issuance.subject
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{_tenant_of(stamp.issuer)}/{issuance.client_id}"))


def _common(issuance: Issuance, stamp: Stamp) -> Claims:
    claims: Claims = {
        **issuance.claims,
        "aud": audience(issuance.audiences),
        "iss": stamp.issuer,
        "iat": stamp.now,
        "nbf": stamp.now,
        "exp": stamp.now + issuance.lifetime,
        "oid": _object_id(issuance, stamp),
        "sub": _object_id(issuance, stamp),
        "tid": _tenant_of(stamp.issuer),
        "uti": stamp.token_id,
    }
    if issuance.username:
        claims["scp"] = " ".join(issuance.scopes)
    else:
        claims |= {"roles": list(issuance.scopes), "idtyp": "app"}
    if issuance.groups:
        claims["groups"] = list(issuance.groups)
    return claims


def _access(issuance: Issuance, stamp: Stamp) -> Claims:
    claims = _common(issuance, stamp) | named(issuance)
    return claims | {"azp": issuance.client_id, "azpacr": _SECRET_PROVED, "ver": "2.0"}


def _access_v1(issuance: Issuance, stamp: Stamp) -> Claims:
    claims = _common(issuance, stamp)
    claims |= {"iss": f"https://sts.windows.net/{_tenant_of(stamp.issuer)}/", "ver": "1.0"}
    claims |= {"appid": issuance.client_id, "appidacr": _SECRET_PROVED}
    return claims | ({"unique_name": issuance.username} if issuance.username else {})


def _plain(claims: Mapping[str, Any]) -> Claims:
    """What a machine may is its scope."""
    scopes = claims["scp"] if "scp" in claims else " ".join(claims.get("roles", ()))
    return {**claims, "sub": claims["oid"], "client_id": claims["azp"], "scope": scopes, "jti": claims["uti"]}


def _identity(issuance: Issuance, stamp: Stamp) -> Claims:
    claims = openid(issuance, stamp) | named(issuance)
    claims |= {"oid": issuance.subject, "tid": _tenant_of(stamp.issuer), "ver": "2.0", "nbf": stamp.now}
    claims["uti"] = stamp.token_id
    return claims | ({"groups": list(issuance.groups)} if issuance.groups else {})


DIALECT = Dialect(
    name="entra",
    path=lambda realm: f"/{tenant(realm)}{_END}",
    paths=_paths,
    access_type="JWT",
    identity_type="JWT",
    needs_audience=True,
    grants=frozenset({CLIENT_CREDENTIALS, AUTHORIZATION_CODE, REFRESH_TOKEN, DEVICE_CODE}),
    access=_access,
    identity=_identity,
    verified_as=ENTRA,
    discovery="openid",
    plain=_plain,
    read=_read,
    logout=Logout(by_redirect_uri=True),
    reserved=_RESERVED,
)

V1 = replace(DIALECT, name="entra-v1", access=_access_v1)
