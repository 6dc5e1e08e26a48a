"""Authorization codes (RFC 6749 section 4.1.2): kept by their digest, spent once, soon over.

A code is bound to client, redirect URI and PKCE challenge. Its spent record outlives it, so that a second
use is known as one and ends whatever the first one gave (RFC 6749 section 4.1.2).
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import asdict, dataclass, field

from skerry.auth import pkce
from skerry.idp.kept.granted import Granted
from skerry.idp.kept.records import Records
from skerry.idp.oauth_errors import OAuthError, invalid_grant, invalid_request
from skerry.idp.passwords import secret_digest

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")
"""An S256 challenge: SHA-256 in base64url without padding (RFC 7636 section 4.2)."""
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")
"""RFC 7636 section 4.1."""

_LIVE, _SPENT = "code", "spent-code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a code stands for, and what it is bound to."""

    family: str
    client_id: str
    redirect_uri: str
    challenge: str
    nonce: str = field(default="", repr=False)


async def make(records: Records, code: Code, *, lifetime: int) -> str:
    """A new code for it, good for `lifetime` seconds. Raises StateError."""
    secret = secrets.token_urlsafe(32)
    expires = records.database.clock() + lifetime
    await records.put(_LIVE, secret_digest(secret), asdict(code), family=code.family, expires=expires)
    return secret


async def spend(records: Records, secret: str, *, client_id: str) -> Code:
    """What a code of this client stands for; from now on it is spent. Another client's stays as it is.

    Raises OAuthError (invalid_grant) for an unknown, expired, foreign or spent code; the last one ends its
    family. Raises StateError.
    """
    key = secret_digest(secret)
    kept = await records.get(_LIVE, key)
    if kept is not None and kept["client_id"] != client_id:
        raise _unusable()
    # In this order, a code that somebody spends meanwhile is seen as live or as spent, never as unknown.
    if kept is None or await records.move(_LIVE, key, _SPENT) is None:
        await _refuse_spent(records, key, client_id)
        raise _unusable()
    return Code(**kept)


async def keep_spent(records: Records, secret: str, granted: Granted) -> None:
    """Remembers a spent code as long as anything that came of it may live. Raises StateError."""
    value = {"family": granted.family, "client_id": granted.client_id}
    await records.put(_SPENT, secret_digest(secret), value, family=granted.family, expires=granted.ends)


async def _refuse_spent(records: Records, key: str, client_id: str) -> None:
    spent = await records.get(_SPENT, key)
    if spent is not None and spent["client_id"] == client_id:
        await records.drop_family(str(spent["family"]))
        raise invalid_grant(
            "The code was used before. What came of it is revoked: sign in again.", note="code-reuse"
        )


def check_verifier(verifier: str, challenge: str) -> None:
    """Raises OAuthError: invalid_request for a missing or malformed verifier, invalid_grant for another."""
    if not verifier:
        raise invalid_request("The parameter 'code_verifier' is missing: the code was asked for with PKCE.")
    if not VERIFIER.match(verifier):
        raise invalid_request("code_verifier is 43 to 128 letters, digits and - . _ ~ (RFC 7636).")
    if not hmac.compare_digest(pkce.challenge(verifier), challenge):
        raise invalid_grant("code_verifier does not fit the code_challenge of the authorization request.")


def _unusable() -> OAuthError:
    return invalid_grant("The code is unknown, expired, or another client's. Codes live a minute.")
