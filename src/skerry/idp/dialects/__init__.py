"""Token dialects: how an issuer lays out the claims of its tokens. One file each.

    oauth          RFC 9068 access tokens: typ at+jwt, aud, client_id, scope
    cognito        Amazon Cognito user pools: client_id and token_use, no aud
    okta           Okta's custom authorization servers: cid, scp as a list
    entra          Microsoft Entra ID, v2.0 tokens: azp, scp as a string, roles; entra-v1 for the older ones
    auth0          Auth0: azp, an issuer that ends in a slash; auth0-rfc9068 for its other token profile

A new dialect is one module that makes a `Dialect`, and one entry in `DIALECTS`.
"""

from __future__ import annotations

from skerry.idp.dialects import auth0, cognito, entra, oauth, okta
from skerry.idp.dialects.dialect import Dialect, Paths

_ALL = (oauth.DIALECT, cognito.DIALECT, okta.DIALECT, entra.DIALECT, entra.V1, auth0.DIALECT, auth0.RFC9068)

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in _ALL}

__all__ = ["DIALECTS", "Dialect", "Paths"]
