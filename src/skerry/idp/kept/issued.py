"""Which access tokens were revoked before their time, by themselves or with the sign-in they came of.

A token is known by its handle, the digest of what its signature holds: not every dialect gives it an id, and
a signature can be written in more than one way. A token that came of an exchange ends with the one before it.

A token is a JWT, so resource servers accept it until it expires; only who asks this issuer (introspection,
userinfo, token exchange) learns of a revocation (RFC 7009 section 3).
"""

from __future__ import annotations

from skerry.idp.kept.granted import GRANTED
from skerry.idp.kept.records import Records
from skerry.idp.passwords import secret_digest

_KIND = "access-token"


def handle(token: str) -> str:
    """The name of a signed token here."""
    return secret_digest(token.rpartition(".")[0])


async def remember(records: Records, token: str, *, family: str, exchanged: str, expires: float) -> None:
    """Notes what a token came of, until it expires (epoch seconds): a sign-in, another token's handle."""
    await records.put(_KIND, handle(token), {"family": family, "exchanged": exchanged}, expires=expires)


async def revoke(records: Records, token: str, *, expires: float) -> None:
    """Revokes one token and what it was exchanged for, until it expires (epoch seconds)."""
    await records.put(_KIND, handle(token), {"revoked": True}, expires=expires)


async def is_of_sign_in(records: Records, token: str) -> bool:
    """Whether a token came of a sign-in by itself, not by an exchange; no machine's does."""
    noted = await records.get(_KIND, handle(token))
    return noted is not None and bool(noted.get("family"))


async def is_revoked(records: Records, token: str) -> bool:
    """Whether a token was revoked, or its sign-in ended, or so it is with the one it was exchanged for."""
    name = handle(token)
    while name:
        noted = await records.get(_KIND, name)
        if noted is None:
            return False  # a machine's token: nothing is noted of it
        family = str(noted.get("family", ""))
        if noted.get("revoked") or (family and await records.get(GRANTED, family) is None):
            return True
        name = str(noted.get("exchanged", ""))
    return False
