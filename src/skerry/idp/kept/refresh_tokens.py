"""Refresh tokens: opaque, kept by their digest, each good once (OAuth 2.1 section 4.3.1).

There is no window in which a spent one is taken again: a client whose answer got lost signs in once more, and
whoever copied a token is found out by the second use.
"""

from __future__ import annotations

import secrets

from skerry.idp.kept import granted as grants
from skerry.idp.kept.granted import Granted
from skerry.idp.kept.records import Records
from skerry.idp.oauth_errors import OAuthError, invalid_grant
from skerry.idp.passwords import secret_digest

_LIVE, _SPENT = "refresh-token", "spent-refresh-token"


async def make(records: Records, granted: Granted) -> str:
    """A new refresh token of a grant, good until the grant ends. Raises StateError."""
    secret = secrets.token_urlsafe(32)
    value = {"family": granted.family, "client_id": granted.client_id}
    await records.put(_LIVE, secret_digest(secret), value, family=granted.family, expires=granted.ends)
    return secret


async def find(records: Records, secret: str) -> Granted | None:
    """The grant of a live refresh token; it stays live. Raises StateError."""
    kept = await records.get(_LIVE, secret_digest(secret))
    return None if kept is None else await grants.find(records, str(kept["family"]))


async def family(records: Records, secret: str) -> tuple[str, str] | None:
    """Family and client of a refresh token, spent or not; None for an unknown one. Raises StateError."""
    for kind in (_LIVE, _SPENT):
        kept = await records.get(kind, secret_digest(secret))
        if kept is not None:
            return str(kept["family"]), str(kept["client_id"])
    return None


async def refuse_unusable(records: Records, secret: str, client_id: str) -> Granted:
    """The grant of a live refresh token of this client.

    Raises OAuthError (invalid_grant) for any other; a spent one of this client ends its family. Raises
    StateError.
    """
    found = await find(records, secret)
    if found is not None and found.client_id == client_id:
        return found
    known = await family(records, secret) if found is None else None
    if known is not None and known[1] == client_id:
        raise await _reused(records, known[0])
    raise invalid_grant("The refresh token is unknown, expired, revoked, or another client's. Sign in again.")


async def spend(records: Records, secret: str, granted: Granted) -> None:
    """Spends a live token of a grant. Raises OAuthError when somebody else just did, StateError."""
    if await records.move(_LIVE, secret_digest(secret), _SPENT) is None:
        raise await _reused(records, granted.family)


async def _reused(records: Records, family: str) -> OAuthError:
    await records.drop_family(family)
    return invalid_grant(
        "The refresh token was used before, so its sign-in is revoked. Sign in again; keep the newest one.",
        note="refresh-reuse",
    )
