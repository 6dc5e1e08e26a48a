"""Identity assertion authorization grants (ID-JAG): what an enterprise's provider says to another issuer.

    leg 1   the enterprise's provider   ID token ──▶ ID-JAG for one authorization server   token_exchange.py
    leg 2   that authorization server   ID-JAG ──▶ access token                            jwt_bearer.py

Source: MCP extension enterprise-managed-authorization (SEP-990), text of October 2025, which follows
draft-ietf-oauth-identity-assertion-authz-grant.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from skerry.auth.discovery import discovery_urls
from skerry.auth.jwt import keys as auth_keys
from skerry.auth.jwt.assertions import Expected, verify
from skerry.auth.jwt.keys import PublicKey
from skerry.auth.ports import Fetch
from skerry.errors import TokenError
from skerry.idp.clock import Clock
from skerry.idp.realms import ASSERTION_ALGORITHMS, TrustedIssuer

ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - a name of RFC 8693
SAML = "urn:ietf:params:oauth:token-type:saml2"
TYPE = "oauth-id-jag+jwt"
LONGEST = 300
"""Seconds that an assertion lives at most."""
MAX_AGE = 60.0
"""Seconds after which an issuer's keys are fetched anew: one that it took back speaks for nobody any more."""


def stranger(issuer: str, subject: str) -> str:
    """The `sub` here of somebody whom only another issuer knows: always the same, and nobody else's.

    A subject is unique within its issuer only (OpenID Connect Core section 2).
    """
    return hashlib.sha256(json.dumps([issuer, subject]).encode()).hexdigest()


class TrustedIssuers:
    """The issuers whose identity assertions a realm takes, and their keys, found by discovery.

    `issuers` are known by their exact identifiers; `fetch` should be a guard's.
    """

    def __init__(self, issuers: Mapping[str, TrustedIssuer], *, fetch: Fetch, clock: Clock) -> None:
        self._clock = clock
        self._keys = {
            (url, algorithm): auth_keys.Keys(
                discovery_urls(url),
                fetch=fetch,
                clock=clock,
                issuer=url,
                algorithm=algorithm,
                max_age=MAX_AGE,
            )
            for url in issuers
            for algorithm in ASSERTION_ALGORITHMS
        }
        self._issuers = issuers

    def person(self, claims: Mapping[str, Any]) -> str:
        """The name of the person of this realm whom verified claims are about; empty when it is none."""
        return self._issuers[claims["iss"]].subjects.get(claims["sub"], "")

    async def verify(self, assertion: str, *, issuer: str, audience: str) -> Mapping[str, Any]:
        """The claims of an ID-JAG of a trusted `issuer`, meant for `audience` alone. Raises TokenError."""
        if issuer not in self._issuers:
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
