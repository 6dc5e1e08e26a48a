"""Initial access tokens (RFC 7591 section 3): who has one may register clients until it ends."""

from __future__ import annotations

import secrets

from skerry.idp.kept.records import Records
from skerry.idp.passwords import secret_digest

KIND = "initial-access-token"


async def make(records: Records, *, name: str = "", expires: float | None = None) -> str:
    """A new token, to be shown once: only its digest is kept, with a `name` for people.

    `expires` is epoch seconds, None for never. Raises StateError.
    """
    token = secrets.token_urlsafe(32)
    await records.put(KIND, secret_digest(token), {"name": name}, expires=expires)
    return token


async def is_good(records: Records, token: str) -> bool:
    """Whether a token was made here and has not ended. Raises StateError."""
    return await records.get(KIND, secret_digest(token)) is not None


async def revoke(records: Records, name: str) -> int:
    """Ends the tokens of a name; how many there were. Raises StateError."""
    named = [key for key, value in await records.all(KIND) if value.get("name") == name]
    return sum([await records.drop(KIND, key) for key in named])
