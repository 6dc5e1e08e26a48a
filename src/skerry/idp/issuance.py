"""What a grant decided to issue, before a dialect gives it its claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name of RFC 8693


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuance:
    """An access token to be: for whom, to whom, for how long (`lifetime` in seconds).

    `claims` are the custom claims; `act` is the chain of actors of RFC 8693 section 4.1, the present
    one outermost. `username` is empty for machines. `token_type` is set when the answer must name it
    (RFC 8693 section 2.2.1).

    After a sign-in: `refresh_token` goes out with it, `id_token` asks for an ID token with `nonce` and
    `identity`, the user's claims; `auth_time` is when the person signed in. `family` groups what came of one
    sign-in, so that all of it can be revoked; `exchanged` is the handle of the token that this one is for in
    exchange (`issued.py`). `roles` are the IAM roles of the groups, the preferred first.

    `assertion` are the claims of an ID-JAG, which is then issued in place of an access token. `grant_type`
    and `client_metadata` (what the client sent for a trigger) are of the request.
    """

    client_id: str
    subject: str
    audiences: tuple[str, ...]
    scopes: tuple[str, ...]
    lifetime: int
    claims: Mapping[str, Any] = field(default_factory=dict)
    act: Mapping[str, Any] | None = None
    username: str = ""
    token_type: str = ""
    refresh_token: str = field(default="", repr=False)
    id_token: bool = False
    nonce: str = ""
    identity: Mapping[str, Any] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    auth_time: int = 0
    family: str = ""
    exchanged: str = ""
    assertion: Mapping[str, Any] | None = None
    roles: tuple[str, ...] = ()
    grant_type: str = ""
    client_metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Issued:
    """Signed tokens; `id_token` is empty when none was asked for. `token_id` is the access token's `jti`.

    `scopes` are those of the access token, and `notes` what a trigger did that its author should know.
    """

    access_token: str = field(repr=False)
    id_token: str = field(repr=False)
    token_id: str
    scopes: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stamp:
    """What every token of an issuer carries: who issued it, when (whole seconds), under which id."""

    issuer: str
    now: int
    token_id: str
