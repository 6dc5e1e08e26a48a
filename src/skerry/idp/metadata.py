"""The discovery document, one for RFC 8414 and OpenID Connect Discovery alike.

`authorization_endpoint` is there because both documents require it; the endpoint answers that this
provider has no grant for it yet.
"""

from __future__ import annotations

import json
from typing import Any

from skerry.idp.grants import GRANTS
from skerry.idp.issuer import Issuer
from skerry.idp.realms import SECRET_METHODS


def well_known_paths(issuer_path: str) -> tuple[str, str, str]:
    """Where clients look for the metadata of an issuer with a path, in their order.

    RFC 8414 section 3.1 inserts the well-known part before the path, also for the OpenID document;
    OpenID Connect Discovery section 4 appends it.
    """
    return (
        f"/.well-known/oauth-authorization-server{issuer_path}",
        f"/.well-known/openid-configuration{issuer_path}",
        f"{issuer_path}/.well-known/openid-configuration",
    )


def document(issuer: Issuer) -> bytes:
    """The metadata of an issuer, as the bytes to serve everywhere."""
    grants = [grant.grant_type for grant in GRANTS if grant.grant_type in issuer.dialect.grants]
    members: dict[str, Any] = {
        "issuer": issuer.url,
        "authorization_endpoint": issuer.at(issuer.paths.authorize),
        "token_endpoint": issuer.at(issuer.paths.token),
        "jwks_uri": issuer.at(issuer.paths.keys),
        "scopes_supported": list(issuer.realm.all_scopes),
        "response_types_supported": [],
        "grant_types_supported": grants,
        "token_endpoint_auth_methods_supported": list(SECRET_METHODS),
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [issuer.realm.algorithm],
    }
    return json.dumps(members).encode()
