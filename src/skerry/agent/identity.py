"""Who asks: the caller of an invocation, as the runtime let it through.

The runtime has verified the token before it reached the agent; here its subject is read only to keep
callers apart and its bytes only to exchange them for a token that the gateway takes. A caller's token is
never sent to anyone but the token endpoint.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Caller:
    """`name` tells callers apart and is stable across their tokens; `token` is empty for a SigV4 caller."""

    name: str
    token: str = field(default="", repr=False)


ANONYMOUS = Caller("iam")


def caller(headers: Mapping[str, str] | None) -> Caller:
    """The caller in the request headers that the runtime passes on (its allow list decides)."""
    values = {name.lower(): value for name, value in (headers or {}).items()}
    scheme, _, token = values.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return ANONYMOUS
    return Caller(_subject(token.strip()), token.strip())


def _subject(token: str) -> str:
    """Issuer and subject of a JWT, unverified; a token of another kind is its own name, hashed."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        issuer, subject = claims["iss"], claims.get("sub") or claims["client_id"]
    except (IndexError, ValueError, KeyError, TypeError, AttributeError):
        return f"token:{hashlib.sha256(token.encode()).hexdigest()}"
    return f"jwt:{subject}@{issuer}"
