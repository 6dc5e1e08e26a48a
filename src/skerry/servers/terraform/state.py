"""What the server keeps of a session: preferences, the caller's Terraform token, the context last seen.

A session is an authenticated principal together with the `X-Session-ID` of its calls; `Mcp-Session-Id`,
which the platform hands out and changes, has no part in it. Without `X-Session-ID` there is no session:
nothing is kept and nothing is shared. Keys are digests, so that no character of an id can make one key
look like another; and every value holds a seal of its own key, so that one moved or written by somebody
else is not believed.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from key_value.aio.errors import BaseKeyValueError, DecryptionError
from key_value.aio.protocols.key_value import AsyncKeyValue
from redis.exceptions import RedisError

from skerry.auth.jwt.keys import Clock
from skerry.errors import StateError
from skerry.servers.caller import Caller
from skerry.wire.context import ClientContext

PREFERENCES, TOKEN, CONTEXT, APPROVAL = "preferences", "token", "context", "approval"
COLLECTION = "skerry-terraform-{}"
APPROVAL_LIFETIME = 3600.0
"""Seconds that a used confirmation is remembered: longer than any can be answered."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a caller wants where a tool is not told: the organization and the project."""

    organization: str = ""
    project: str = ""


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions in `store`. The first of `seals` seals values; the others are still believed.

    Every method of a session raises StateError when the store does not work.
    """

    store: AsyncKeyValue
    clock: Clock
    lifetime: float
    seals: Sequence[bytes] = field(repr=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    def of(self, caller: Caller, session_id: str) -> Session | None:
        """The session of a call, or None when the call names none."""
        return Session(self, caller, session_id) if session_id else None

    async def spend(self, caller: Caller, approval: str) -> bool:
        """Uses up a confirmation; False when it was used before."""
        key = _key(APPROVAL, caller.issuer, caller.subject, approval)
        async with self._lock:
            if await self.read(APPROVAL, key) is not None:
                return False
            await self.write(APPROVAL, key, {}, APPROVAL_LIFETIME)
            return True

    async def read(self, kind: str, key: str) -> Mapping[str, Any] | None:
        """A value that is there, sealed for this key, and not too old."""
        found = await _stored(self.store.get(key, collection=COLLECTION.format(kind)))
        if found is None:
            return None
        value, seal, expires = found.get("value"), found.get("seal"), found.get("expires")
        if not isinstance(value, dict) or not isinstance(seal, str) or not isinstance(expires, int | float):
            raise _unreadable()
        if not any(hmac.compare_digest(seal.encode(), each.encode()) for each in self._seals(kind, key)):
            raise _unreadable()
        return value if self.clock.time() < expires else None

    async def write(self, kind: str, key: str, value: Mapping[str, Any], lifetime: float) -> None:
        """Keeps a value for `lifetime` seconds."""
        sealed = {
            "value": dict(value),
            "seal": next(self._seals(kind, key)),
            "expires": self.clock.time() + lifetime,
        }
        await _stored(self.store.put(key, sealed, collection=COLLECTION.format(kind), ttl=lifetime))

    async def remove(self, kind: str, key: str) -> None:
        """Forgets a value, whether it is there or not."""
        await _stored(self.store.delete(key, collection=COLLECTION.format(kind)))

    def _seals(self, kind: str, key: str) -> Iterator[str]:
        for secret in self.seals:
            yield hmac.new(secret, f"{kind} {key}".encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Session:
    """One caller's session."""

    sessions: Sessions
    caller: Caller
    id: str

    async def preferences(self) -> Preferences:
        """What the caller set, else nothing."""
        found = await self.sessions.read(PREFERENCES, self._key(PREFERENCES)) or {}
        known = {name: found.get(name) for name in asdict(Preferences())}
        return Preferences(**{name: value for name, value in known.items() if isinstance(value, str)})

    async def set_preferences(self, preferences: Preferences) -> None:
        """Keeps preferences instead of those before."""
        await self._write(PREFERENCES, asdict(preferences))

    async def token(self) -> str:
        """The caller's Terraform token, or an empty string."""
        found = await self.sessions.read(TOKEN, self._key(TOKEN)) or {}
        return str(found.get("token", ""))

    async def set_token(self, token: str) -> None:
        """Keeps the caller's Terraform token."""
        await self._write(TOKEN, {"token": token})

    async def forget_token(self) -> None:
        """Drops the caller's Terraform token."""
        await self.sessions.remove(TOKEN, self._key(TOKEN))

    async def context(self) -> Mapping[str, Any] | None:
        """The client context of the call before this one, as a payload member; None on the first."""
        return await self.sessions.read(CONTEXT, self._key(CONTEXT))

    async def remember(self, context: ClientContext) -> None:
        """Keeps the client context of this call for the next."""
        await self._write(CONTEXT, context.to_payload())

    async def _write(self, kind: str, value: Mapping[str, Any]) -> None:
        await self.sessions.write(kind, self._key(kind), value, self.sessions.lifetime)

    def _key(self, kind: str) -> str:
        return _key(kind, self.caller.issuer, self.caller.subject, self.id)


def principal_digest(caller: Caller) -> str:
    """A caller as it may be shown: a digest that tells callers apart and names nobody."""
    return _key("principal", caller.issuer, caller.subject)[:16]


def _key(*parts: str) -> str:
    """A key of parts that may hold any character: a JSON list says where each of them ends."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


async def _stored(operation: Awaitable[Value]) -> Value:
    """What a store's operation gives. Raises StateError, which never tells the store's address."""
    try:
        return await operation
    except DecryptionError as error:
        raise _unreadable() from error
    except (BaseKeyValueError, RedisError, OSError) as error:
        raise StateError(
            f"The store of session state does not answer ({type(error).__name__}).",
            hint="Nothing was changed. Check SKERRY_TERRAFORM_STATE.",
        ) from error


def _unreadable() -> StateError:
    return StateError(
        "What is stored for this session cannot be read with this server's key.",
        hint="Set it again: the token by PUT /session/terraform-token, preferences by set_preferences.",
    )
