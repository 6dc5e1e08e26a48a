"""The grants of the token endpoint. One file each.

    client_credentials   RFC 6749 section 4.4: a machine asks for itself
    token_exchange       RFC 8693: a resource server asks on behalf of its caller; ID token to ID-JAG
    jwt_bearer           RFC 7523 section 4: an identity assertion (ID-JAG) of a trusted issuer
    authorization_code   OAuth 2.1 section 4.1: a person signed in and consented in a browser
    refresh_token        RFC 6749 section 6: the same again, while the grant lasts
    device_code          RFC 8628: a person decided on another device

The last three start from what a person granted: `from_grant`.

A new grant is one module with a class that fits `Grant`, and one entry in `GRANTS`.
"""

from __future__ import annotations

from skerry.idp.grants.authorization_code import AuthorizationCode
from skerry.idp.grants.client_credentials import ClientCredentials
from skerry.idp.grants.device_code import DeviceCode
from skerry.idp.grants.grant import Ask, Grant
from skerry.idp.grants.jwt_bearer import JwtBearer
from skerry.idp.grants.refresh_token import RefreshToken
from skerry.idp.grants.token_exchange import TokenExchange

GRANTS: tuple[Grant, ...] = (
    ClientCredentials(),
    TokenExchange(),
    JwtBearer(),
    AuthorizationCode(),
    RefreshToken(),
    DeviceCode(),
)

__all__ = ["GRANTS", "Ask", "Grant"]
