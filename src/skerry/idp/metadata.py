"""The discovery document, one for RFC 8414 and OpenID Connect Discovery alike.

It names what the dialect offers and nothing else. `authorization_endpoint` is there even for a dialect
without the code grant, because both documents require it.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from skerry.idp.authorize.request import PROMPTS
from skerry.idp.grants import GRANTS
from skerry.idp.issuer import Issuer
from skerry.idp.realms import (
    ASSERTION_ALGORITHMS,
    AUTHORIZATION_CODE,
    DEVICE_CODE,
    JWT_BEARER,
    KEY_METHOD,
    PUBLIC,
    SECRET_METHODS,
)


def well_known_paths(issuer_path: str) -> tuple[str, str, str]:
    """Where clients look for the metadata of an issuer with a path, in their order.

    RFC 8414 section 3.1 inserts the well-known part before the path, also for the OpenID document;
    OpenID Connect Discovery section 4 appends it. Both take a slash at the end away first.
    """
    path = issuer_path.rstrip("/")
    return (
        f"/.well-known/oauth-authorization-server{path}",
        f"/.well-known/openid-configuration{path}",
        f"{path}/.well-known/openid-configuration",
    )


def places(issuer: Issuer) -> tuple[str, ...]:
    """The paths where an issuer's metadata is: all three, or the last alone, as Cognito and Entra have it."""
    found = well_known_paths(urlsplit(issuer.url).path)
    where = issuer.realm.discovery or issuer.dialect.discovery
    return found if where == "all" else found[-1:]


def document(issuer: Issuer) -> bytes:
    """The metadata of an issuer, as the bytes to serve everywhere."""
    grants = [grant.grant_type for grant in GRANTS if grant.grant_type in issuer.dialect.grants]
    if not issuer.realm.trusted_issuers and JWT_BEARER in grants:
        grants.remove(JWT_BEARER)
    members: dict[str, Any] = {
        "issuer": issuer.url,
        "authorization_endpoint": issuer.at(issuer.paths.authorize),
        "token_endpoint": issuer.at(issuer.paths.token),
        "jwks_uri": issuer.at(issuer.paths.keys),
        "scopes_supported": list(issuer.realm.all_scopes),
        "response_types_supported": [],
        **_for_people(issuer),
        "grant_types_supported": grants,
        "token_endpoint_auth_methods_supported": [*SECRET_METHODS, KEY_METHOD, PUBLIC],
        "token_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [issuer.realm.algorithm],
    }
    realm = issuer.realm
    if realm.registration != "off":
        members["registration_endpoint"] = issuer.at(issuer.paths.register)
    if realm.client_documents:
        members["client_id_metadata_document_supported"] = True
    return json.dumps(members).encode()


def _for_people(issuer: Issuer) -> dict[str, Any]:
    """Endpoints and features of sign-in; with RFC 9207, 8628, 7009, 7662 and RP-Initiated Logout."""
    paths, grants, found = issuer.paths, issuer.dialect.grants, dict[str, Any]()
    if AUTHORIZATION_CODE in grants:
        found |= {
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "prompt_values_supported": list(PROMPTS),
            "authorization_response_iss_parameter_supported": True,
            "claims_parameter_supported": False,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
        }
    endpoints = {
        "userinfo_endpoint": paths.userinfo,
        "revocation_endpoint": paths.revoke,
        "introspection_endpoint": paths.introspect,
        "device_authorization_endpoint": paths.device if DEVICE_CODE in grants else "",
        "end_session_endpoint": paths.logout if AUTHORIZATION_CODE in grants else "",
    }
    for name, path in endpoints.items():
        if path:
            found[name] = issuer.at(path)
        if path and name in ("revocation_endpoint", "introspection_endpoint"):
            public = [PUBLIC] if name == "revocation_endpoint" else []  # RFC 7662 section 2.1
            found[f"{name}_auth_methods_supported"] = [*SECRET_METHODS, KEY_METHOD, *public]
            found[f"{name}_auth_signing_alg_values_supported"] = list(ASSERTION_ALGORITHMS)
    return found
