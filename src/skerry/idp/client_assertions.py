"""`private_key_jwt`: a client proves itself with a JWT that it signs (RFC 7523 sections 2.2 and 3)."""

from __future__ import annotations

import hashlib

from skerry.auth.jwt import tokens
from skerry.auth.jwt.assertions import Expected, verify
from skerry.auth.jwt.keys import PublicKey
from skerry.auth.jwt.tokens import LEEWAY
from skerry.errors import TokenError
from skerry.idp.issuer import Issuer
from skerry.idp.oauth_errors import invalid_client
from skerry.idp.realms import ASSERTION_ALGORITHMS, Client

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST = 300
"""Seconds ahead that `exp` may be, so that the memory of used ones stays small."""
USED_KIND = "assertion"

_TYPES = ("", "jwt", "client-authentication+jwt")


def subject(assertion: str) -> str:
    """The client id that an assertion names, not yet believed. Raises TokenError."""
    claimed = tokens.unverified(assertion)[1].get("sub")
    if not isinstance(claimed, str) or not claimed:
        raise TokenError("malformed", "It has no sub.")
    return claimed


async def check(assertion: str, client: Client, issuer: Issuer) -> None:
    """Returns when `client` signed the assertion for this issuer, within five minutes, and never used it.

    Raises OAuthError (invalid_client).
    """

    async def keys(kid: str, algorithm: str) -> list[PublicKey]:
        return list(await issuer.client_keys.find(client, kid, algorithm))

    only = client.token_endpoint_auth_signing_alg
    expected = Expected(
        algorithms=(only,) if only else ASSERTION_ALGORITHMS,
        types=_TYPES,
        issuer=client.id,
        audiences=(issuer.url, issuer.at(issuer.paths.token)),
        longest=LONGEST,
    )
    try:
        claims = await verify(assertion, expected, keys=keys, now=issuer.clock.time())
        if claims["sub"] != client.id:
            raise TokenError("issuer", "Its sub is not its iss.")
    except TokenError as error:
        raise invalid_client(
            f"The client_assertion cannot be used. {error.message}", issuer=issuer.url
        ) from error
    if not await use_once(issuer, client.id, claims["jti"], claims["exp"]):
        raise invalid_client("The client_assertion was used before: sign one per request.", issuer=issuer.url)


async def use_once(issuer: Issuer, signer: str, identity: str, expires: float) -> bool:
    """Whether the `jti` of an assertion of `signer` is used for the first time. Raises StateError."""
    key = hashlib.sha256(f"{signer}\n{identity}".encode("utf-8", "replace")).hexdigest()
    return await issuer.records.add(USED_KIND, key, {}, expires=expires + LEEWAY)
