"""Which access tokens were revoked before their time, by themselves or with the sign-in they came of.

A token is a JWT, so resource servers accept it until it expires; only who asks this issuer (introspection,
userinfo, token exchange) learns of a revocation (RFC 7009 section 3).
"""

from __future__ import annotations

from skerry.idp.granted import GRANTED
from skerry.idp.records import Records

_KIND = "access-token"


async def remember(records: Records, token_id: str, *, family: str, expires: float) -> None:
    """Notes that a token came of a sign-in, until it expires (epoch seconds)."""
    await records.put(_KIND, token_id, {"family": family}, expires=expires)


async def family(records: Records, token_id: object) -> str:
    """The sign-in that a token came of; empty for a machine's. What is made of the token ends with it too."""
    noted = await records.get(_KIND, token_id) if isinstance(token_id, str) else None
    return "" if noted is None else str(noted.get("family", ""))


async def revoke(records: Records, token_id: str, *, expires: float) -> None:
    """Revokes one token, until it expires (epoch seconds)."""
    await records.put(_KIND, token_id, {"revoked": True}, expires=expires)


async def is_revoked(records: Records, token_id: object) -> bool:
    """Whether a token was revoked, or its sign-in ended."""
    noted = await records.get(_KIND, token_id) if isinstance(token_id, str) else None
    if noted is None:
        return False  # a machine's token: nothing is noted of it
    return bool(noted.get("revoked")) or await records.get(GRANTED, str(noted["family"])) is None
