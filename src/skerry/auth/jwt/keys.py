"""The signing keys of one issuer: found by discovery, cached, followed through rotation.

Sources: RFC 8414 and OpenID Connect Discovery (metadata), RFC 7517 (JWKS). Fail closed: when metadata or keys
cannot be had, or do not hold up, no token is accepted.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from skerry.auth.discovery import MAX_DOCUMENT, discovery_urls, is_safe
from skerry.auth.jwt.dialects import Claims
from skerry.auth.ports import Clock, Fetch
from skerry.errors import ConfigurationError, SkerryError, TokenError
from skerry.wire.jsonrpc import depth_exceeds

__all__ = ["Clock", "Fetch", "Keys", "PublicKey", "Verified", "discovery_urls"]

PublicKey = RSAKey | ECKey

MAX_KEYS = 100
MAX_AGE = 600.0
"""Seconds that a key set serves before it is fetched again."""
MIN_INTERVAL = 30.0
"""Seconds between two fetches for the sake of an unknown key id."""
RETRY_AFTER = 1.0
"""Seconds after a failed fetch during which no other is tried."""
MAX_VERIFIED = 1024

_KEY_TYPES: dict[str, tuple[str, type[RSAKey | ECKey]]] = {
    "RS256": ("RSA", RSAKey),
    "PS256": ("RSA", RSAKey),
    "ES256": ("EC", ECKey),
}
_RSA_BITS = range(2048, 8193)


@dataclass(frozen=True, slots=True)
class Verified:
    """A token whose signature held: its claims, and its `typ` in lower case without `application/`."""

    claims: Claims = field(repr=False)
    type: str


class Keys:
    """The keys of one issuer, for one pinned algorithm (RS256, PS256 or ES256).

    `urls` are the places of its metadata, tried in order. With `issuer` the metadata must name exactly that
    issuer; without, the issuer is the one that the metadata names. One instance belongs to one event loop.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        *,
        fetch: Fetch,
        clock: Clock,
        issuer: str | None = None,
        algorithm: str = "RS256",
        max_age: float = MAX_AGE,
    ) -> None:
        if algorithm not in _KEY_TYPES:
            raise ConfigurationError(f"The algorithm {algorithm} is not one of {', '.join(_KEY_TYPES)}.")
        self.urls = (urls,) if isinstance(urls, str) else tuple(urls)
        self.clock = clock
        self.algorithm = algorithm
        self._fetch = fetch
        self._expected = issuer
        self._issuer = ""
        self._max_age = max_age
        self._keys: dict[str, PublicKey] = {}
        self._document: bytes | None = None
        self._loaded = float("-inf")
        self._failed = float("-inf")
        self._refetched = float("-inf")
        self._lock = asyncio.Lock()
        self._verified: OrderedDict[bytes, Verified] = OrderedDict()

    @classmethod
    def of_issuer(cls, issuer: str, *, fetch: Fetch, clock: Clock, algorithm: str = "RS256") -> Keys:
        """The keys of `issuer`, whose metadata is looked for in all well-known places."""
        return cls(discovery_urls(issuer), fetch=fetch, clock=clock, issuer=issuer, algorithm=algorithm)

    async def issuer(self) -> str:
        """The issuer of the metadata. Raises TokenError (unreachable)."""
        if not self._fresh():
            await self._load(self._fresh)
        return self._issuer

    async def key(self, key_id: str) -> PublicKey:
        """The key with that id.

        An unknown id fetches the key set once more, at most every 30 seconds. Raises TokenError: unreachable,
        or key when there is no such key or it is not fit for the pinned algorithm.
        """
        if not self._fresh():
            await self._load(self._fresh)
        if key_id not in self._keys and self._may_refetch():
            await self._load(lambda: key_id in self._keys or not self._may_refetch())
            self._refetched = self.clock.monotonic()
        found = self._keys.get(key_id)
        if found is None:
            raise TokenError(
                "key",
                "The token was signed with a key that its issuer does not publish.",
                hint="Is the token from another issuer, or older than a restart of the identity provider?",
            )
        return found

    def recall(self, digest: bytes) -> Verified | None:
        """What `remember` kept for the digest of a token, unless the keys have changed or are too old."""
        found = self._verified.get(digest)
        if found is None or not self._fresh():
            return None
        self._verified.move_to_end(digest)
        return found

    def remember(self, digest: bytes, verified: Verified) -> None:
        """Keeps a token whose signature held; the least recently used ones are forgotten."""
        self._verified[digest] = verified
        while len(self._verified) > MAX_VERIFIED:
            self._verified.popitem(last=False)

    def forget(self, digest: bytes) -> None:
        """Drops a token, for example because it has expired."""
        self._verified.pop(digest, None)

    def _fresh(self) -> bool:
        return self.clock.monotonic() < self._loaded + self._max_age

    def _may_refetch(self) -> bool:
        return self.clock.monotonic() >= self._refetched + MIN_INTERVAL

    async def _load(self, satisfied: Callable[[], bool]) -> None:
        """Fetches metadata and keys, unless another caller did so in the meantime."""
        async with self._lock:
            if satisfied():
                return
            if self.clock.monotonic() < self._failed + RETRY_AFTER:
                raise _unreachable("a moment ago its metadata or keys could not be fetched")
            try:
                issuer, document = await self._fetch_all()
                if document != self._document:
                    self._keys = _import_keys(document, self.algorithm)
                    self._verified.clear()
            except TokenError:
                self._failed = self.clock.monotonic()
                raise
            self._issuer, self._document, self._loaded = issuer, document, self.clock.monotonic()

    async def _fetch_all(self) -> tuple[str, bytes]:
        metadata = _object(await self._first(self.urls), "metadata")
        issuer, jwks_uri = metadata.get("issuer"), metadata.get("jwks_uri")
        if not isinstance(issuer, str) or not isinstance(jwks_uri, str):
            raise _unreachable("its metadata has no issuer or no jwks_uri")
        if self._expected is not None and issuer != self._expected:
            raise _unreachable("its metadata names another issuer")
        if not is_safe(jwks_uri):
            raise _unreachable("its jwks_uri is neither https nor on this machine")
        return issuer, await self._first((jwks_uri,))

    async def _first(self, urls: Sequence[str]) -> bytes:
        hint = ""
        for url in urls:
            try:
                body = await self._fetch(url)
            except SkerryError as problem:
                hint = str(problem) if problem.hint else hint  # somebody knows what to do about it
                continue
            except OSError:
                continue
            if len(body) <= MAX_DOCUMENT:
                return body
        raise _unreachable("its metadata or keys could not be fetched", hint)


def _unreachable(why: str, hint: str = "") -> TokenError:
    return TokenError(
        "unreachable",
        f"The token's issuer cannot be asked for its keys: {why}.",
        hint=hint or "Check that the identity provider runs and that the discovery URL is right.",
    )


def _object(body: bytes, what: str) -> dict[str, Any]:
    try:
        if depth_exceeds(body, 16):
            raise ValueError("nested too deep")
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _unreachable(f"its {what} is not JSON") from error
    if not isinstance(data, dict):
        raise _unreachable(f"its {what} is not a JSON object")
    return data


def public_keys(listed: Sequence[object], algorithm: str) -> list[tuple[str, PublicKey]]:
    """The keys of a JWKS that can verify `algorithm`, each with its id, which may be empty."""
    fitting = ((data, data.get("kid", "")) for data in listed if isinstance(data, dict))
    keys = ((kid, _import(data, algorithm)) for data, kid in fitting if _fits(data, algorithm))
    return [(kid, key) for kid, key in keys if key is not None]


def _import_keys(document: bytes, algorithm: str) -> dict[str, PublicKey]:
    """The usable keys of a JWKS by their id; keys that cannot verify `algorithm` are left out."""
    listed = _object(document, "key set").get("keys")
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise _unreachable("its key set has no list of keys")
    result: dict[str, PublicKey] = {}
    for kid, key in public_keys(listed, algorithm):
        if kid:
            result.setdefault(kid, key)
    return result


def _fits(data: dict[str, Any], algorithm: str) -> bool:
    operations = data.get("key_ops", ["verify"])
    return (
        isinstance(data.get("kid", ""), str)
        and data.get("kty") == _KEY_TYPES[algorithm][0]
        and data.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and data.get("alg", algorithm) == algorithm
        and "d" not in data
        and (data["kty"] != "RSA" or _modulus_bits(data.get("n")) in _RSA_BITS)
    )


def _modulus_bits(modulus: object) -> int:
    """The size of an RSA modulus in base64url; 0 when it is none."""
    try:
        raw = base64.urlsafe_b64decode(modulus + "==") if isinstance(modulus, str) else b""
    except ValueError:
        return 0
    return int.from_bytes(raw).bit_length()


def _import(data: dict[str, Any], algorithm: str) -> PublicKey | None:
    try:
        key = _KEY_TYPES[algorithm][1].import_key(data)
    except (JoseError, ValueError, TypeError, KeyError, OverflowError):
        return None
    return None if isinstance(key, ECKey) and key.curve_name != "P-256" else key
