"""Identity assertion authorization grants (ID-JAG): what an enterprise's provider says to another issuer.

    leg 1   the enterprise's provider   ID token ──▶ ID-JAG for one authorization server   token_exchange.py
    leg 2   that authorization server   ID-JAG ──▶ access token                            jwt_bearer.py

Source: MCP extension enterprise-managed-authorization (SEP-990), text of October 2025, which follows
draft-ietf-oauth-identity-assertion-authz-grant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.auth import keys as auth_keys
from skerry.auth.assertions import Expected, verify
from skerry.auth.keys import PublicKey
from skerry.auth.ports import Fetch
from skerry.errors import TokenError
from skerry.idp.clock import Clock
from skerry.idp.realms import ASSERTION_ALGORITHMS

ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - a name of RFC 8693
SAML = "urn:ietf:params:oauth:token-type:saml2"
TYPE = "oauth-id-jag+jwt"
LONGEST = 300
"""Seconds that an assertion lives at most."""


class TrustedIssuers:
    """The issuers whose identity assertions a realm takes, and their keys, found by discovery.

    `urls` are exact issuer identifiers; `fetch` should be a guard's.
    """

    def __init__(self, urls: tuple[str, ...], *, fetch: Fetch, clock: Clock) -> None:
        self._clock = clock
        self._keys = {
            (url, algorithm): auth_keys.Keys.of_issuer(url, fetch=fetch, clock=clock, algorithm=algorithm)
            for url in urls
            for algorithm in ASSERTION_ALGORITHMS
        }
        self._urls = frozenset(urls)

    async def verify(self, assertion: str, *, issuer: str, audience: str) -> Mapping[str, Any]:
        """The claims of an ID-JAG of a trusted `issuer`, meant for `audience` alone. Raises TokenError."""
        if issuer not in self._urls:
            raise TokenError("issuer", "Its iss is none of the issuers that this one trusts.")

        async def keys(kid: str, algorithm: str) -> list[PublicKey]:
            if not kid:
                raise TokenError("malformed", "Its header has no key id.")
            return [await self._keys[issuer, algorithm].key(kid)]

        expected = Expected(
            algorithms=ASSERTION_ALGORITHMS,
            types=(TYPE,),
            issuer=issuer,
            audiences=(audience,),
            longest=LONGEST,
        )
        return await verify(assertion, expected, keys=keys, now=self._clock.time())
