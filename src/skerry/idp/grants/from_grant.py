"""From what a person granted to the tokens of one request: narrowed, and while both are still welcome."""

from __future__ import annotations

from dataclasses import replace

from skerry.idp import asked
from skerry.idp.grants.grant import Ask
from skerry.idp.issuance import Issuance
from skerry.idp.kept import refresh_tokens
from skerry.idp.kept.granted import Granted, may_refresh
from skerry.idp.oauth_errors import invalid_grant, invalid_scope, invalid_target
from skerry.idp.profile import OPENID, identity
from skerry.idp.realms import REFRESH_TOKEN, User


async def person(ask: Ask, granted: Granted) -> User:
    """The person of a grant. Raises OAuthError (invalid_grant) when they are gone or disabled."""
    user = await ask.issuer.directory.user_by_id(granted.subject)
    if user is None or not user.enabled:
        raise invalid_grant("The person who granted this cannot sign in any more.")
    return user


async def issuance(ask: Ask, granted: Granted, *, nonce: str = "") -> Issuance:
    """What to issue of a grant; `scope` and `resource` of the request narrow it (RFC 8707 section 2.2).

    Without a refresh token; see `refreshable`. Raises OAuthError.
    """
    user = await person(ask, granted)
    may = tuple(scope for scope in granted.scopes if scope in ask.client.scopes)
    if granted.scopes and not may:
        raise invalid_scope("This client may not have any of the granted scopes any more.")
    known = (*ask.client.audiences, ask.issuer.url)
    resources = tuple(target for target in granted.resources if asked.match(target, known) is not None)
    if granted.resources and not resources:
        raise invalid_target("This client may not have any of the granted resources any more.")
    scopes = asked.scopes(ask.form, may)
    return Issuance(
        client_id=ask.client.id,
        subject=user.id,
        audiences=asked.targets(ask.form, resources) or resources,
        scopes=scopes,
        lifetime=ask.issuer.realm.lifetime,
        claims={**ask.client.claims, **user.access_claims},
        username=user.name,
        id_token=OPENID in scopes,
        nonce=nonce,
        identity=identity(user, scopes, dialect=ask.issuer.dialect),
        groups=user.groups,
        auth_time=granted.auth_time,
        family=granted.family,
    )


async def refreshable(ask: Ask, granted: Granted, plain: Issuance) -> Issuance:
    """The same with a refresh token, if this client gets one. Raises StateError."""
    if REFRESH_TOKEN not in ask.issuer.dialect.grants or not may_refresh(ask.client, granted.scopes):
        return plain
    return replace(plain, refresh_token=await refresh_tokens.make(ask.issuer.records, granted))
