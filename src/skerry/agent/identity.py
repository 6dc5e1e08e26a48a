"""Who asks: the caller of an invocation, as the runtime let it through.

The runtime has verified the token before it reached the agent; here its subject is read only to keep
callers apart and its bytes only to exchange them for a token that the gateway takes. A caller's token is
never sent to anyone but the token endpoint. Behind a signature the agent cannot know who called: what such
a caller does belongs to his session, unless a header that the runtime lets through may name the user.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from skerry.agent.errors import AgentError
from skerry.wire.headers import RUNTIME_CUSTOM_PREFIX

USER_HEADER = f"{RUNTIME_CUSTOM_PREFIX}User-Id"

_USER = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True, slots=True)
class Caller:
    """`name` tells callers apart and is stable across their tokens; `token` is empty for a SigV4 caller."""

    name: str
    token: str = field(default="", repr=False)


def session_caller(session_id: str) -> Caller:
    """A caller of whom nothing is known but the session that he uses."""
    return Caller(f"session:{session_id}")


def caller(headers: Mapping[str, str] | None, *, session_id: str, trust_user: bool = False) -> Caller:
    """The caller in the request headers that the runtime passes on (its allow list decides).

    With `trust_user` the user header names a caller without a token: whoever may sign speaks for his users.
    Raises AgentError VALIDATION_ERROR when that header holds no name.
    """
    values = {name.lower(): value for name, value in (headers or {}).items()}
    scheme, _, token = values.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return Caller(_subject(token.strip()), token.strip())
    user = values.get(USER_HEADER.lower())
    if not trust_user or user is None:
        return session_caller(session_id)
    if _USER.fullmatch(user) is None:
        raise AgentError("VALIDATION_ERROR", f"{USER_HEADER} must be 1 to 128 visible characters of ASCII.")
    return Caller(f"user:{user}")


def _subject(token: str) -> str:
    """Issuer and subject of a JWT, unverified; a token of another kind is its own name, hashed."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        issuer, subject = claims["iss"], claims.get("sub") or claims["client_id"]
    except (IndexError, ValueError, KeyError, TypeError, AttributeError):
        return f"token:{hashlib.sha256(token.encode()).hexdigest()}"
    return f"jwt:{subject}@{issuer}"
