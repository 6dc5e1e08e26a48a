"""Device codes (RFC 8628): a device asks and polls, a person types its short code elsewhere and decides.

device ──▶ device_code, user_code ──▶ polls: pending … slow_down … tokens, once
person ──▶ types user_code, signs in, approves or denies, once
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from skerry.idp.kept.records import Records, Value
from skerry.idp.oauth_errors import OAuthError, invalid_grant, too_many
from skerry.idp.passwords import secret_digest

LIFETIME, INTERVAL = 600, 5
"""Seconds a code lives, and that a device waits between two polls."""

MOST, MOST_OF_CLIENT = 500, 100
"""Codes of a realm, and of one client, that wait for a decision: a public client proves nothing, so anybody
may ask for more in its name, and others need room."""

LETTERS, LENGTH = "BCDFGHJKLMNPQRSTVWXZ", 8
"""No vowels, so that no words come out, and nothing like a digit (RFC 8628 section 6.1): 34 bits."""

_DEVICE, _SPENT, _USER, _DECISION, _POLL = (
    "device",
    "spent-device",
    "user-code",
    "device-decision",
    "device-poll",
)
_AFTERLIFE = 600
"""Seconds for which an expired code is still told from an unknown one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a device asks for; `ends` (epoch seconds) is when nobody may answer any more."""

    key: str
    user_code: str
    client_id: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    ends: float


async def make(
    records: Records, client_id: str, scopes: Sequence[str], resources: Sequence[str]
) -> tuple[str, str]:
    """A new device code and its user code, as `XXXX-XXXX`.

    Raises OAuthError (503) when MOST wait, or MOST_OF_CLIENT of this client; StateError.
    """
    waiting = [kept.get("client_id") for _, kept in await records.all(_USER)]
    if len(waiting) >= MOST or waiting.count(client_id) >= MOST_OF_CLIENT:
        raise too_many("Too many devices wait. Try again later.")
    secret = secrets.token_urlsafe(32)
    key, now = secret_digest(secret), records.database.clock()
    expires = now + LIFETIME + _AFTERLIFE
    typed = await _new_user_code(records, {"key": key, "client_id": client_id}, expires=now + LIFETIME)
    value = {
        "user_code": typed,
        "client_id": client_id,
        "scopes": list(scopes),
        "resources": list(resources),
        "ends": now + LIFETIME,
    }
    await records.put(_DEVICE, key, value, expires=expires)
    return secret, f"{typed[:4]}-{typed[4:]}"


def normal(typed: str) -> str:
    """A user code as it is kept: upper case, without anything but letters (RFC 8628 section 6.1)."""
    return "".join(letter for letter in typed[:64].upper() if letter in LETTERS)


async def asked(records: Records, user_code: str) -> Wish | None:
    """What the device of a user code asks for; None when unknown, expired or decided. Raises StateError."""
    found = await records.get(_USER, normal(user_code))
    if found is None:
        return None
    key = str(found["key"])
    wish = await _wish(records, key)
    return None if wish is None or await records.get(_DECISION, key) is not None else wish


async def decide(records: Records, wish: Wish, family: str) -> bool:
    """Approves with a grant's family, or denies with an empty one; False when decided before."""
    await records.drop(_USER, wish.user_code)
    return await records.add(
        _DECISION, wish.key, {"family": family}, family=family, expires=wish.ends + _AFTERLIFE
    )


async def redeem(records: Records, secret: str, *, client_id: str) -> str:
    """The family of an approved device code of this client, once.

    Raises OAuthError: authorization_pending, slow_down, access_denied, expired_token (RFC 8628 section 3.5),
    invalid_grant. Raises StateError.
    """
    key = secret_digest(secret)
    wish = await _wish(records, key)
    if wish is None or wish.client_id != client_id:
        raise invalid_grant("The device code is unknown, spent, or another client's.")
    if records.database.clock() >= wish.ends:
        raise OAuthError("expired_token", "The device code has expired. Ask for a new one.")
    decision = await records.get(_DECISION, key)
    if decision is None:
        raise await _too_soon(records, wish)
    if not decision["family"]:
        raise OAuthError("access_denied", "The person refused.")
    if await records.move(_DEVICE, key, _SPENT) is None:
        raise invalid_grant("The device code was used before.")
    return str(decision["family"])


async def _new_user_code(records: Records, value: Value, *, expires: float) -> str:
    """A user code that no other device has."""
    while True:
        typed = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
        if await records.add(_USER, typed, value, expires=expires):
            return typed


async def _too_soon(records: Records, wish: Wish) -> OAuthError:
    """Pending, or slower please: the interval grows by five seconds with each poll that comes too soon."""
    now = records.database.clock()
    last = await records.get(_POLL, wish.key) or {"at": float("-inf"), "interval": INTERVAL}
    early = now < last["at"] + last["interval"]
    interval = last["interval"] + (INTERVAL if early else 0)
    await records.put(_POLL, wish.key, {"at": now, "interval": interval}, expires=wish.ends)
    if early:
        return OAuthError("slow_down", f"Wait {interval} seconds between two polls.")
    return OAuthError("authorization_pending", "The person has not decided yet.")


async def _wish(records: Records, key: str) -> Wish | None:
    kept = await records.get(_DEVICE, key)
    if kept is None:
        return None
    lists = {name: tuple(kept[name]) for name in ("scopes", "resources")}
    return Wish(**{**kept, **lists, "key": key})
