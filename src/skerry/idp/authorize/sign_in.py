"""Name and password, checked: slow on purpose, off the event loop, and the same for everybody.

Whether a name exists must not show: not in the words, nor the time, nor in when one has to wait. So failures
are counted by a keyed digest of the name, whether it exists or not, in a bounded number of counters.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets

from skerry.idp.attempts import Attempts
from skerry.idp.issuer import Issuer
from skerry.idp.oauth_errors import OAuthError
from skerry.idp.passwords import is_password, password_digest
from skerry.idp.realms import User

LONGEST_NAME, LONGEST_PASSWORD = 256, 1024
AT_ONCE, WAITING = 2, 32
"""Passwords that are checked at a time, each with 16 MiB and a tenth of a second of a core; and that wait."""
COUNTERS = 4096


class SignIn:
    """The passwords of one issuer's people."""

    def __init__(self, issuer: Issuer, attempts: Attempts) -> None:
        self._issuer = issuer
        self._attempts = attempts
        self._key = secrets.token_bytes(16)
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._inside = 0
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
        if self._inside >= AT_ONCE + WAITING:
            raise OAuthError("temporarily_unavailable", "Too many people sign in just now.", status=503)
        self._inside += 1  # before the first await, or all that come at once pass
        try:
            user = await self._issuer.directory.user(name) if 0 < len(name) <= LONGEST_NAME else None
            digest = user.password_digest if user is not None else ""
            async with self._gate:
                if self.wait(
                    name
                ):  # others failed for this name meanwhile: no guess more, not even a right one
                    return None
                same = await asyncio.to_thread(self._check, password[:LONGEST_PASSWORD], digest)
        finally:
            self._inside -= 1
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
        digest = hashlib.blake2b(name.encode("utf-8", "replace"), key=self._key, digest_size=4).digest()
        return (self._issuer.realm.name, "sign-in", int.from_bytes(digest) % COUNTERS)
