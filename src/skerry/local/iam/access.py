"""Who signed a request, and credentials for what the stack starts.

Four kinds of access keys hold:

| key | made by | principal |
|---|---|---|
| the developer's | first start of a state directory | `arn:aws:iam::ACCOUNT:user/skerry` |
| a session's, with token | `assume`, until `revoke` | `arn:aws:sts::ACCOUNT:assumed-role/ROLE/NAME` |
| a caller's, with token | `on_behalf`, for a while | whoever called |
| a user's or role's | IAM and STS at the same endpoint | that user or role |

What a key may do is for `permissions` to say. The region of a signature is not compared with the stack's, so
that a program with a fixed region works unchanged.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from skerry.auth.aws import sigv4
from skerry.auth.aws.sigv4 import Credentials
from skerry.errors import SignatureError, StateError
from skerry.local.api import dialects
from skerry.local.iam import s3_query
from skerry.local.iam.workloads import Workloads
from skerry.local.ports.asgi import Scope
from skerry.local.ports.callers import Caller, Limits
from skerry.local.ports.running import Clock
from skerry.local.state import private

DEVELOPER = "skerry"
CACHE_SECONDS = 5.0
CACHE_SIZE = 256
LIMITED = 10_000
"""Temporary credentials with session policies or tags that may be there at a time."""

_GLOBAL, _GLOBAL_REGION = frozenset({"cloudfront", "iam", "organizations", "route53", "support"}), "us-east-1"
"""Services that are in one region, whatever a program signs for."""
_HEADERS = {"user-agent": "aws:useragent", "referer": "aws:referer"}
_KEY_ALPHABET = string.ascii_uppercase + "234567"
_KEY_ID = re.compile(r"A[KS]IA[A-Z0-9]{12,124}")


@dataclass(frozen=True, slots=True)
class Key:
    """An access key with what a check needs. `expires` is seconds since the epoch, None for never.

    `limits` are what temporary credentials were narrowed with, `unique_id` that of the user or role in IAM,
    `issued` is when temporary ones were made (seconds since the epoch).
    """

    arn: str
    user_id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires: float | None = None
    limits: Limits | None = None
    unique_id: str = ""
    issued: float | None = None


class KeySource(Protocol):
    """Where keys that were made through IAM and STS are known."""

    async def key(self, access_key_id: str) -> Key | None:
        """The key, or None when there is none, or it is inactive or deleted.

        Raises ServiceError (503) when that cannot be known now.
        """
        ...


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that holds."""

    caller: Caller
    user_id: str
    service: str
    region: str


class Access:
    """Implements `ports.Access`."""

    def __init__(self, developer: Credentials, *, account: str, clock: Clock, source: KeySource) -> None:
        self.developer = developer
        self.workloads = Workloads(clock)
        self._account = account
        self._clock = clock
        self._source = source
        self._developer_arn = arn = f"arn:aws:iam::{account}:user/{DEVELOPER}"
        self._keys = {developer.access_key_id: Key(arn, _unique_id("AIDA", arn), developer.secret_access_key)}
        self._ended: dict[str, None] = {}
        self._cached: dict[str, tuple[float, Key]] = {}
        self._limits: dict[str, tuple[float, Limits]] = {}

    async def signed_by(
        self, scope: Scope, body: bytes, *, service: str, max_expires: int | None = None
    ) -> Caller:
        """The principal whose signature over `scope` and `body` holds.

        `max_expires` is the longest life of a presigned URL in seconds, where it is shorter than usual.
        Raises ServiceError in the names of a REST-JSON service (403).
        """
        try:
            return (await self.verify(scope, body, service=service, max_expires=max_expires)).caller
        except SignatureError as error:
            raise dialects.signature_error(error, "rest-json") from error

    async def verify(
        self, scope: Scope, body: bytes, *, service: str | None = None, max_expires: int | None = None
    ) -> Signed:
        """Like `signed_by`, for any service when `service` is None. Raises SignatureError."""
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        if service is None and s3_query.MARK in scope["query_string"]:
            return await self._verify_s3_query(scope, headers)
        shown = sigv4.presented(scope["method"], scope["raw_path"], scope["query_string"], headers)
        if service is not None:
            shown.require(service=service, max_expires=max_expires)
        key = await self._key(shown.access_key_id)
        now = self._clock.time()
        sigv4.check(shown, body, key.secret, now=now, expected_token=key.token)
        return _signed(key, shown.access_key_id, now, (shown.service, shown.region), headers)

    async def _verify_s3_query(self, scope: Scope, headers: list[tuple[str, str]]) -> Signed:
        shown = s3_query.presented(scope["method"], scope["raw_path"], scope["query_string"], headers)
        key = await self._key(shown.access_key_id)
        now = self._clock.time()
        s3_query.check(shown, key.secret, now=now, expected_token=key.token)
        return _signed(key, shown.access_key_id, now, ("s3", ""), headers)

    def assume(self, role_arn: str, session_name: str) -> Credentials:
        """Temporary credentials of a role; every signature made with them names role and session."""
        role = role_arn.rpartition("/")[2]
        role_principal = f"arn:aws:sts::{self._account}:assumed-role/{role}"
        arn = f"{role_principal}/{session_name}"
        made = _temporary()
        user_id = f"{_unique_id('AROA', role_principal)}:{session_name}"
        self._keys[made.access_key_id] = Key(
            arn, user_id, made.secret_access_key, made.session_token, issued=self._clock.time()
        )
        return made

    def on_behalf(self, caller: Caller, *, expires: float) -> Credentials:
        """Temporary credentials of the caller itself, until `expires` (seconds since the epoch)."""
        made = _temporary()
        self._keys[made.access_key_id] = Key(
            caller.arn,
            caller.user_id,
            made.secret_access_key,
            made.session_token,
            expires,
            caller.limits,
            caller.unique_id,
            caller.issued,
        )
        return made

    def can_limit(self) -> bool:
        """Whether there is room for more credentials with limits; what is over makes room."""
        if len(self._limits) >= LIMITED:
            now = self._clock.time()
            self._limits = {key: kept for key, kept in self._limits.items() if kept[0] > now}
        return len(self._limits) < LIMITED

    def limit(self, access_key_id: str, limits: Limits, *, expires: float) -> None:
        """Narrows credentials that STS has just made, until they end (seconds since the epoch)."""
        self._limits[access_key_id] = (expires, limits)

    def revoke(self, credentials: Credentials) -> None:
        """Ends temporary credentials; unknown ones, and the developer's, are ignored."""
        key = credentials.access_key_id
        if key != self.developer.access_key_id and self._keys.pop(key, None) is not None:
            self._ended[key] = None
            while len(self._ended) > CACHE_SIZE:
                del self._ended[next(iter(self._ended))]

    def forget(self) -> None:
        """Drops what is remembered of IAM's and STS's keys: they may have changed."""
        self._cached.clear()

    async def _key(self, access_key_id: str) -> Key:
        key = self._keys.get(access_key_id)
        if key is not None:
            return key
        if access_key_id in self._ended:
            raise _expired()
        if _KEY_ID.fullmatch(access_key_id) is not None:
            cached = self._cached.get(access_key_id)
            if cached is not None and self._clock.monotonic() - cached[0] < CACHE_SECONDS:
                return cached[1]
            found = await self._source.key(access_key_id)
            if found is not None and found.arn != self._developer_arn:  # whom no user of IAM can become
                if access_key_id in self._limits:
                    found = replace(found, limits=self._limits[access_key_id][1])
                if len(self._cached) >= CACHE_SIZE:
                    self._cached.clear()
                self._cached[access_key_id] = (self._clock.monotonic(), found)
                return found
            self._cached.pop(access_key_id, None)
        raise SignatureError(
            "unknown-key",
            "The security token included in the request is invalid.",
            hint=f'{access_key_id[:24]} is no key of this stack; run: eval "$(skerry env)".',
        )


def _temporary() -> Credentials:
    return Credentials(_access_key_id("ASIA"), _secret(), secrets.token_urlsafe(96))


def role_session(arn: str) -> str:
    """The session name of an assumed role, "" for other principals.

    For an agent and what it calls that is its runtime session id, so hops can be found by it.
    """
    return arn.rpartition("/")[2] if ":assumed-role/" in arn else ""


def _signed(
    key: Key, access_key_id: str, now: float, scope: tuple[str, str], headers: list[tuple[str, str]]
) -> Signed:
    """The outcome of a check that held, unless the key's time is over. `scope` is service and region."""
    service, region = scope
    if key.expires is not None and now >= key.expires:
        raise _expired()
    caller = Caller(
        kind="iam",
        arn=key.arn,
        access_key_id=access_key_id,
        user_id=key.user_id,
        limits=key.limits,
        unique_id=key.unique_id,
        issued=key.issued,
        expires=key.expires,
        request=_told(service, region, headers),
    )
    return Signed(caller, key.user_id, service, region)


def _told(service: str, region: str, headers: list[tuple[str, str]]) -> dict[str, Sequence[str]]:
    """The condition keys that a request itself tells: for which region it was signed, and by what."""
    region = _GLOBAL_REGION if service.lower() in _GLOBAL else region
    found: dict[str, Sequence[str]] = {
        _HEADERS[name.lower()]: (value,) for name, value in headers if name.lower() in _HEADERS
    }
    return {**found, **({"aws:requestedregion": (region,)} if region else {})}


def _expired() -> SignatureError:
    return SignatureError(
        "expired-token",
        "The security token included in the request is expired",
        hint="Its session has ended, or its time is over.",
    )


def developer_key(path: Path) -> Credentials:
    """The developer's key, kept in `path` (0600) and made there the first time.

    Raises StateError when the file cannot be used or holds something else.
    """
    try:
        private.folder(path.parent)
        if not path.exists():
            made = {"access_key_id": _access_key_id("AKIA"), "secret_access_key": _secret()}
            private.write(path, json.dumps(made).encode())
        kept = json.loads(path.read_bytes())
        return _read_key(kept)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StateError(
            f"the key file {path} cannot be used: {type(error).__name__}.",
            hint="Remove it and a new key is made; programs then need the new one.",
        ) from error


def _read_key(kept: Mapping[str, str]) -> Credentials:
    if _KEY_ID.fullmatch(kept["access_key_id"]) is None or len(kept["secret_access_key"]) < 40:
        raise ValueError("not a key")
    return Credentials(kept["access_key_id"], kept["secret_access_key"])


def _access_key_id(prefix: str) -> str:
    return prefix + "".join(secrets.choice(_KEY_ALPHABET) for _ in range(16))


def _secret() -> str:
    return base64.b64encode(secrets.token_bytes(30)).decode("ascii")


def _unique_id(prefix: str, arn: str) -> str:
    """A stable unique id for a principal, in the form of IAM's."""
    return prefix + base64.b32encode(hashlib.sha256(arn.encode()).digest()).decode("ascii")[:17]
