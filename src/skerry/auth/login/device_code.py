"""A person signs in where there is no browser: a code that is typed on another device.

Source: RFC 8628 (device authorization grant).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from skerry.auth.client_authentication import proven
from skerry.auth.discovery import is_loopback, is_safe
from skerry.auth.json_object import json_object
from skerry.auth.login.grant import Asking, Grant
from skerry.auth.login.registration import DEVICE_CODE
from skerry.auth.oauth import OAuthError
from skerry.errors import ConfigurationError, RemoteError
from skerry.wire.shown import clean, safe

INTERVAL = 5.0
"""Seconds between questions where the provider names none (§3.2), and what `slow_down` adds (§3.5)."""
LONGEST = 1800.0
"""Seconds that a code is waited for at most, whatever the provider says."""

Pause = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCode:
    """What a provider gave to show to a person. `interval` and `life` are seconds."""

    user_code: str
    page: str
    whole: str = ""
    secret: str = field(repr=False)
    interval: float
    life: float


async def sign_in(
    asking: Asking, scopes: tuple[str, ...], *, say: Callable[[str], None], pause: Pause = asyncio.sleep
) -> Grant:
    """Signs a person in by a code.

    Raises OAuthError when they refuse or take too long, RemoteError, and ConfigurationError when the provider
    has no device grant.
    """
    code = await _begun(asking, scopes)
    say(told(code))
    form = {"grant_type": DEVICE_CODE, "device_code": code.secret}
    interval = code.interval
    until = asking.clock.monotonic() + code.life
    while asking.clock.monotonic() < until:
        await pause(interval)
        try:
            return await asking.grant(form, scopes=scopes)
        except OAuthError as error:
            if error.error == "slow_down":
                interval += INTERVAL
            elif error.error != "authorization_pending":
                raise
    raise RemoteError("nobody typed the code in time.", hint="Sign in again.")


def told(code: DeviceCode) -> str:
    """What the person is to do, and where: a page on this machine's loopback address opens on no other."""
    near = is_loopback(urlsplit(code.page).hostname or "")
    where = "in a browser of this machine, as it leads nowhere on another," if near else "on any device"
    also = f"\nOr open: {code.whole}" if code.whole else ""
    return f"Open {code.page} {where} and type: {code.user_code}{also}"


async def _begun(asking: Asking, scopes: tuple[str, ...]) -> DeviceCode:
    endpoint = asking.provider.device_authorization_endpoint
    if not endpoint:
        raise ConfigurationError(
            "this identity provider signs nobody in by a code.", hint="Sign in with a browser: no --device."
        )
    form = {"scope": " ".join(scopes), "resource": asking.resource, "audience": asking.audience}
    form = {name: value for name, value in form.items() if value}
    whole, headers = proven(asking.identity, asking.provider, form, now=asking.clock.time())
    whole["client_id"] = asking.identity.client_id
    try:
        status, body = await asking.post(endpoint, whole, headers)
    except OSError as error:
        raise RemoteError("The device authorization endpoint does not answer.") from error
    data = json_object(body) or {}
    if status != 200:
        raise OAuthError(
            status, safe(str(data.get("error", "")), 80), safe(str(data.get("error_description", "")))
        )
    secret, user_code, page = (data.get(name) for name in ("device_code", "user_code", "verification_uri"))
    if not (
        isinstance(secret, str) and isinstance(user_code, str) and isinstance(page, str) and is_safe(page)
    ):
        raise RemoteError("the identity provider gave no code that could be shown.")
    complete = data.get("verification_uri_complete")
    return DeviceCode(
        user_code=clean(user_code)[:64],
        page=page[:500],
        whole=complete if isinstance(complete, str) and is_safe(complete) and len(complete) < 1000 else "",
        secret=secret,
        interval=_seconds(data.get("interval"), INTERVAL, 60.0),
        life=_seconds(data.get("expires_in"), LONGEST, LONGEST),
    )


def _seconds(value: object, otherwise: float, most: float) -> float:
    known = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    return min(float(value), most) if known else otherwise  # type: ignore[arg-type]
