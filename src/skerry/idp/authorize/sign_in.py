"""Name and password, checked: slow on purpose, off the event loop, and the same for everybody.

Whether a name exists must not show: not in the words, nor the time, nor in when one has to wait. So failures
are counted by a keyed digest of the name, whether it exists or not, in a bounded number of counters.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from skerry.idp.attempts import Attempts
from skerry.idp.issuer import Issuer
from skerry.idp.oauth_errors import OAuthError
from skerry.idp.passwords import is_password, password_digest
from skerry.idp.realm.names import composed
from skerry.idp.realms import User

LONGEST_NAME, LONGEST_PASSWORD = 256, 1024
AT_ONCE, WAITING = 2, 32
"""Passwords of a provider that are checked at a time, each with 16 MiB and a tenth of a second of a core; and
that wait."""
COUNTERS = 4096


class Turns:
    """Who may have a password checked: few at a time for all issuers together, so that tokens do not wait."""

    def __init__(self) -> None:
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._inside = 0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """A turn. Raises OAuthError (503) when too many wait for one."""
        if self._inside >= AT_ONCE + WAITING:
            raise OAuthError("temporarily_unavailable", "Too many people sign in just now.", status=503)
        self._inside += 1
        try:
            async with self._gate:
                yield
        finally:
            self._inside -= 1


class SignIn:
    """The passwords of one issuer's people; `turns` are those of its provider."""

    def __init__(self, issuer: Issuer, attempts: Attempts, turns: Turns) -> None:
        self._issuer = issuer
        self._attempts = attempts
        self._turns = turns
        self._key = secrets.token_bytes(16)
        self._nobody = ""

    async def is_possible(self) -> bool:
        """Whether this realm has any people. Raises StateError."""
        return bool(self._issuer.realm.users) or bool(await self._issuer.directory.added_users())

    def wait(self, name: str) -> float:
        """Seconds until this name may try again; 0 when it may now."""
        return self._attempts.wait(self._counter(name))

    async def user(self, name: str, password: str) -> User | None:
        """The person, or None for an unknown name, a wrong password or a disabled person.

        Raises OAuthError (503) when too many wait, StateError.
        """
        async with self._turns.one():
            if self.wait(name):  # others failed for this name meanwhile: no guess more, not even a right one
                return None
            known = composed(name) if len(name) <= LONGEST_NAME else ""
            user = await self._issuer.directory.user(known)
            digest = user.password_digest if user is not None else ""
            same = await asyncio.to_thread(self._check, password[:LONGEST_PASSWORD], digest)
        if user is None or not same or not user.enabled or len(password) > LONGEST_PASSWORD:
            self._attempts.failed(self._counter(name))
            return None
        return user

    def _check(self, password: str, digest: str) -> bool:
        """Whether a password fits; against a digest that nothing fits when there is none, to take as long."""
        if not self._nobody:
            self._nobody = password_digest(secrets.token_urlsafe(32))
        return is_password(password, digest or self._nobody) and bool(digest)

    def _counter(self, name: str) -> tuple[str, str, int]:
        known = composed(name[:LONGEST_NAME])
        digest = hashlib.blake2b(known.encode("utf-8", "replace"), key=self._key, digest_size=4).digest()
        return (self._issuer.realm.name, "sign-in", int.from_bytes(digest) % COUNTERS)
