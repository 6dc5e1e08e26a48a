"""The grants of the token endpoint. One file each.

    client_credentials   RFC 6749 section 4.4: a machine asks for itself
    token_exchange       RFC 8693: a resource server asks on behalf of its caller

A new grant is one module with a class that fits `Grant`, and one entry in `GRANTS`.
"""

from __future__ import annotations

from skerry.idp.grants.client_credentials import ClientCredentials
from skerry.idp.grants.grant import Ask, Grant
from skerry.idp.grants.token_exchange import TokenExchange

GRANTS: tuple[Grant, ...] = (ClientCredentials(), TokenExchange())

__all__ = ["GRANTS", "Ask", "Grant"]
