"""JWT bearer (RFC 7523 section 4) for identity assertions: leg 2 of enterprise-managed authorization.

An enterprise's provider, which this realm trusts, says in an ID-JAG that a client may act for a person here.
The token is for that person, for the resources and scopes of the assertion or fewer. There is no refresh
token: the enterprise decides anew each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skerry.auth.jwt import tokens
from skerry.errors import TokenError
from skerry.idp import asked, id_jag
from skerry.idp.client_assertions import use_once
from skerry.idp.grants.grant import Ask
from skerry.idp.issuance import Issuance
from skerry.idp.issuer import Issuer
from skerry.idp.oauth_errors import invalid_grant, invalid_target
from skerry.idp.realms import JWT_BEARER, Client


class JwtBearer:
    """`assertion` is the ID-JAG; `scope`, and `resource` or `audience`, narrow what it grants."""

    grant_type = JWT_BEARER
    operation = "jwt-bearer"

    async def decide(self, ask: Ask) -> Issuance:
        client, issuer = ask.client, ask.issuer
        assertion = ask.form.required("assertion")
        try:
            claims = await _claims(assertion, client, issuer)
        except TokenError as error:
            raise invalid_grant(f"The assertion cannot be used. {error.message}") from error
        subject = await _subject(issuer, claims)
        audiences = _audiences(ask, claims)
        scopes = asked.scopes(ask.form, _scopes(client, claims))
        # Last, so that a request with a mistake beside it can be mended and sent again.
        if not await use_once(issuer, claims["iss"], claims["jti"], claims["exp"]):
            raise invalid_grant("The assertion was used before: ask the enterprise's provider for another.")
        return Issuance(
            client_id=client.id,
            subject=subject,
            audiences=audiences,
            scopes=scopes,
            lifetime=issuer.realm.lifetime,
            claims=client.claims,
            username=issuer.trusted.person(claims) or subject,
        )


async def _claims(assertion: str, client: Client, issuer: Issuer) -> Mapping[str, Any]:
    named = tokens.unverified(assertion)[1].get("iss")
    claims = await issuer.trusted.verify(
        assertion, issuer=named if isinstance(named, str) else "", audience=issuer.url
    )
    if claims.get("client_id") != client.id:
        raise TokenError("client", "It is for another client.")
    return claims


async def _subject(issuer: Issuer, claims: Mapping[str, Any]) -> str:
    """Who it is here: the person whom the realm names for this subject of this issuer, or a stranger."""
    name = issuer.trusted.person(claims)
    if not name:
        return id_jag.stranger(claims["iss"], claims["sub"])
    person = await issuer.directory.user(name)
    if person is None or not person.enabled:
        raise invalid_grant("The assertion cannot be used. Its subject is somebody who cannot sign in here.")
    return person.id


def _scopes(client: Client, claims: Mapping[str, Any]) -> Sequence[str]:
    """The client's scopes that the assertion has; all of them when it says nothing of scopes."""
    granted = claims.get("scope")
    if granted is None:
        return client.scopes
    if not isinstance(granted, str):
        raise invalid_grant("The assertion cannot be used. Its scope is no string.")
    return tuple(scope for scope in client.scopes if scope in granted.split(" "))


def _audiences(ask: Ask, claims: Mapping[str, Any]) -> tuple[str, ...]:
    """What the token is for: of the client's audiences those that assertion and request both name."""
    client, named = ask.client, claims.get("resource")
    allowed: Sequence[str] = client.audiences
    if named is not None:
        listed = [named] if isinstance(named, str) else named
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
            raise invalid_grant("The assertion cannot be used. Its resource is no URI.")
        matching = (asked.match(item, client.audiences) for item in listed)
        allowed = [item for item in dict.fromkeys(matching) if item is not None]
        if not allowed:
            raise invalid_target("The assertion is for a resource that this client may not have here.")
    found = asked.targets(ask.form, allowed)
    if found or not ask.issuer.dialect.needs_audience:
        return found
    if named is not None:
        return tuple(allowed)
    if not client.usual_audience:
        raise invalid_target("This client has no audience of its own: name one it may have.")
    return (client.usual_audience,)
