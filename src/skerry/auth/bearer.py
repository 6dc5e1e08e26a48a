"""Bearer tokens as proof: from a command, a file or the client credentials grant, fetched once for many.

A token stands in the `Authorization` header and nowhere else: no log, argument, URL, error or `repr`. The
`exp` claim of a JWT is read unverified, only to fetch the next one in time.

Sources: RFC 6750 §2.1, RFC 7519 §4.1.4.
"""

from __future__ import annotations

import base64
import json
import math
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from skerry.auth.keeper import Keeper, Lease
from skerry.auth.ports import Origin
from skerry.errors import TokenError

AHEAD = 60.0
"""Seconds before its end at which a token is replaced."""
MAX_TOKEN = 1 << 16
_SCHEME = re.compile(r"bearer(?:\s+|$)", re.IGNORECASE)
_B64TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class Tokens(Protocol):
    """Where tokens are from."""

    @property
    def origin(self) -> Origin:
        """For error messages."""
        ...

    def stale(self) -> bool:
        """Whether the source is known to have another token than the one it gave; must not block."""
        ...

    async def get(self, anew: bool) -> Lease[str]:
        """A token; `anew` when the last one was refused.

        Raises a SkerryError when there is none. One call at a time.
        """
        ...


class BearerProof:
    """Sends a bearer token. `now` is the wall clock in seconds since the epoch."""

    def __init__(self, tokens: Tokens, *, now: Callable[[], float] = time.time) -> None:
        self._tokens = tokens
        self._keeper = Keeper(tokens.get, ahead=AHEAD, now=now)

    @property
    def origin(self) -> Origin:
        """The source of the tokens."""
        return self._tokens.origin

    async def headers(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:  # noqa: ARG002
        """The `Authorization` header. Raises a SkerryError when there is no token."""
        if self._tokens.stale():
            token = await self._keeper.reload()
        else:
            token = self._keeper.ready() or await self._keeper.value()
        return {"Authorization": f"Bearer {token}"}

    async def refused(
        self,
        status: int,
        body: bytes,
        headers: Mapping[str, str],
        sent: Mapping[str, str] | None = None,
    ) -> bool:
        """Gets a token anew, once, when the server does not take the present one."""
        from skerry.auth import answers  # late: most proxies are never refused

        reason = answers.reason(status, body, headers, "bearer")
        if reason not in answers.RENEWABLE_TOKEN:
            return False
        held = self._keeper.held
        shown = "" if held is None else f"Bearer {held.value}"
        return await self._keeper.renew(replaced=sent is not None and sent.get("Authorization") != shown)


def read_token(output: bytes, origin: Origin, *, now: float) -> Lease[str]:
    """The token in what a command printed or a file holds: the token alone, or JSON with `access_token`.

    JSON may have `expires_in` in seconds; else the token's own `exp` says when it ends. Raises TokenError
    (malformed), never with a part of the text.
    """
    if len(output) > MAX_TOKEN:
        raise _unusable(origin, f"more than {MAX_TOKEN} bytes")
    text = output.decode("utf-8-sig", "replace").strip()
    expires: float | None = None
    if text.startswith(("{", '"')):
        text, expires = _from_json(text, origin, now)
    if (scheme := _SCHEME.match(text)) is not None:
        text = text[scheme.end() :]
    if not text:
        raise _unusable(origin, "nothing")
    if not _B64TOKEN.fullmatch(text):
        lines = text.count("\n") + 1
        raise _unusable(origin, f"{lines} lines" if lines > 1 else "characters that no token has")
    own = expiry(text)
    return Lease(text, origin, own if expires is None else expires)


def expiry(token: str) -> float | None:
    """The `exp` claim of a JWT, in seconds since the epoch; None for anything else. Nothing is verified."""
    return _seconds(claims_of(token).get("exp"))


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a JWT; none for anything else. Nothing is verified: to be shown, never to decide by."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _from_json(text: str, origin: Origin, now: float) -> tuple[str, float | None]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unusable(origin, "JSON that cannot be read") from error
    if isinstance(data, str):
        return data.strip(), None
    token = data.get("access_token")
    if not isinstance(token, str):
        raise _unusable(origin, "JSON without the string 'access_token'")
    lifetime = _seconds(data.get("expires_in"))
    return token.strip(), None if lifetime is None else now + lifetime


def _seconds(value: Any) -> float | None:
    if isinstance(value, str):
        value = int(value) if value.isdecimal() and len(value) < 12 else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and 0 <= value < 10**11 else None


def _unusable(origin: Origin, what: str) -> TokenError:
    return TokenError(
        "malformed",
        f"{origin.name[:1].upper()}{origin.name[1:]} gave {what} instead of a token.",
        hint="It must give the access token alone, or JSON with access_token.",
    )
