"""The public keys of clients that sign: from their registration, or from `jwks_uri` through the guard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from skerry.auth.http.guarded import MAX_DOCUMENT, Guard
from skerry.auth.jwt.keys import PublicKey, public_keys
from skerry.errors import GuardError, TokenError
from skerry.idp.clock import Clock
from skerry.idp.realms import Client
from skerry.idp.shelf import Shelf
from skerry.wire.jsonrpc import depth_exceeds

FRESH, AGAIN = 600.0, 30.0
"""Seconds that a fetched key set serves; between two fetches of one, whatever they gave."""
MOST, MAX_KEYS = 256, 100
"""Key sets kept, and keys read of one."""


@dataclass(frozen=True, slots=True)
class _Kept:
    fetched: float
    keys: tuple[object, ...]
    failed: str = ""


class ClientKeys:
    """Finds keys; one instance belongs to one event loop."""

    def __init__(self, guard: Guard, clock: Clock) -> None:
        self._guard = guard
        self._clock = clock
        self._shelf: Shelf[_Kept] = Shelf(MOST)

    async def find(self, client: Client, kid: str, algorithm: str) -> Sequence[PublicKey]:
        """The keys of a client that can verify `algorithm`: that of `kid`, or all when it is empty.

        An unknown id fetches `jwks_uri` once more, at most every 30 seconds. Raises TokenError (unreachable).
        """
        if not client.jwks_uri:
            return _fitting(client.jwks.get("keys", ()), kid, algorithm)
        kept = await self._fetched(client.jwks_uri, FRESH)
        found = _fitting(kept.keys, kid, algorithm)
        if not found:
            kept = await self._fetched(client.jwks_uri, AGAIN)
            found = _fitting(kept.keys, kid, algorithm)
        if not found and kept.failed:
            raise TokenError("unreachable", f"The client's jwks_uri cannot be used. {kept.failed}")
        return found

    async def _fetched(self, url: str, age: float) -> _Kept:
        """The key set of a URL, no older than `age` seconds; a failure is kept for 30."""
        return await self._shelf.get(
            url,
            good=lambda kept: self._clock.monotonic() < kept.fetched + (AGAIN if kept.failed else age),
            make=lambda _: self._ask(url),
        )

    async def _ask(self, url: str) -> _Kept:
        now = self._clock.monotonic()
        try:
            body = (await self._guard.get(url, limit=MAX_DOCUMENT)).body
            if depth_exceeds(body, 8):
                raise ValueError("nested too deep")
            keys = json.loads(body)["keys"]
            if not isinstance(keys, list):
                raise TypeError("keys is no list")
        except GuardError as error:
            return _Kept(now, (), str(error))
        except (ValueError, TypeError, KeyError, RecursionError):
            return _Kept(now, (), "It is no JWK set.")
        return _Kept(now, tuple(keys[:MAX_KEYS]))


def _fitting(listed: Sequence[object], kid: str, algorithm: str) -> Sequence[PublicKey]:
    return [key for name, key in public_keys(listed, algorithm) if not kid or name == kid]
