"""Token dialects: how an issuer lays out the claims of its tokens. One file each.

    oauth     RFC 9068 access tokens: typ at+jwt, aud, client_id, scope
    cognito   Amazon Cognito user pools: client_id and token_use, no aud

A new dialect is one module that makes a `Dialect`, and one entry in `DIALECTS`.
"""

from __future__ import annotations

from skerry.idp.dialects import cognito, oauth
from skerry.idp.dialects.dialect import Dialect, Paths

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (oauth.DIALECT, cognito.DIALECT)}

__all__ = ["DIALECTS", "Dialect", "Paths"]
