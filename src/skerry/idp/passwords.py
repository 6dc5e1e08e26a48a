"""Secrets as they are kept: digests from which they cannot be had back.

Passwords are few bits of entropy and get scrypt (RFC 7914, 16 MiB); secrets that skerry made are 256 random
bits, for which SHA-256 is enough and fast.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

_N, _R, _P, _SALT = 1 << 14, 8, 1, 16


def password_digest(password: str) -> str:
    """A digest of a password, `scrypt$N$r$p$SALT$HASH`. Takes 0.1 s: never on an event loop."""
    salt = secrets.token_bytes(_SALT)
    hashed = hashlib.scrypt(password.encode(), salt=salt, n=_N, r=_R, p=_P)
    return "$".join(("scrypt", str(_N), str(_R), str(_P), _text(salt), _text(hashed)))


def is_password(password: str, digest: str) -> bool:
    """Whether a password is that of a digest; False for a digest of another form. Takes 0.1 s."""
    try:
        name, n, r, p, salt, hashed = digest.split("$")
        cost, expected = (int(n), int(r), int(p)), base64.b64decode(hashed, validate=True)
        found = hashlib.scrypt(
            password.encode(), salt=base64.b64decode(salt, validate=True), n=cost[0], r=cost[1], p=cost[2]
        )
    except ValueError:
        return False
    return name == "scrypt" and hmac.compare_digest(found, expected)


def secret_digest(secret: str) -> str:
    """The digest of a client secret or token, for comparing and for finding it."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
