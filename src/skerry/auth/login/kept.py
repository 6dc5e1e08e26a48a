"""What is kept of sign-ins: a grant for each resource, a registration for each issuer, and a list for people.

Secrets are in the token cache (keyring, or files of 0600); the list, which holds none, is a file for each
sign-in, because a keyring cannot be listed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from skerry.auth.background import in_thread
from skerry.auth.login.grant import Grant
from skerry.auth.login.registration import Registration
from skerry.auth.login.token_cache import TokenCache, token_cache
from skerry.errors import StateError
from skerry.wire.spelling import normal, same

PATIENCE = 15.0
"""Seconds to wait for another program that refreshes the same grant: longer than a request may take."""
_STEP = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A sign-in as it may be shown. `expires` is that of the access token; `lasting` ones are refreshed.

    `name` is what the resource was called by in the stack with the state directory `state`, if it was.
    """

    resource: str
    issuer: str
    client_id: str
    identity: str = ""
    expires: float | None = None
    scopes: tuple[str, ...] = ()
    lasting: bool = False
    name: str = ""
    state: str = ""


class Kept:
    """What is kept below a folder, and in the keyring where there is one and it is to be used."""

    def __init__(self, folder: Path, cache: TokenCache | None = None, *, use_keyring: bool = True) -> None:
        self._folder = folder
        self._cache = cache
        self._use_keyring = use_keyring

    @property
    def cache(self) -> TokenCache:
        """Where secrets are; the keyring's library is loaded with the first question."""
        if self._cache is None:
            self._cache = token_cache(self._folder, use_keyring=self._use_keyring)
        return self._cache

    async def grant(self, resource: str) -> Grant | None:
        """The grant for a resource. Raises StateError when it cannot be read."""
        text = await in_thread(lambda: self.cache.get(_grant(resource)))
        return Grant.from_text(text) if text else None

    def issuer(self, resource: str) -> str:
        """Who gave the tokens for a resource, "" when nobody did; a look at a file, no secret is read."""
        card = _read(self._card(resource))
        return card.issuer if card is not None else ""

    def has(self, resource: str) -> bool:
        """Whether somebody signed in for a resource; a look at files, no secret is read."""
        return self._card(self.spelled(resource)).exists()

    def spelled(self, resource: str) -> str:
        """The resource as a sign-in for it is kept, else in the normal form of its URL."""
        resource = normal(resource)
        if self._card(resource).exists():
            return resource
        return next((card.resource for card in self.all() if same(card.resource, resource)), resource)

    async def keep(self, resource: str, grant: Grant, *, name: str = "", state: str = "") -> None:
        """Keeps a grant, with its name in a stack, or the one before. Raises StateError when it cannot."""

        def write() -> None:
            before = None if name else next((one for one in self.all() if one.resource == resource), None)
            self.cache.put(_grant(resource), grant.to_text())
            card = SignedIn(
                resource=resource,
                issuer=grant.issuer,
                client_id=grant.client_id,
                identity=grant.identity,
                expires=grant.expires,
                scopes=grant.granted or grant.scopes,
                lasting=bool(grant.refresh_token),
                name=before.name if before else name,
                state=before.state if before else state,
            )
            self._write(self._card(resource), json.dumps(asdict(card)))

        await in_thread(write)

    def drop(self, resource: str) -> bool:
        """Forgets a grant; whether there was one. Raises StateError."""
        known = self._card(resource).exists() or self.cache.get(_grant(resource)) is not None
        self.cache.drop(_grant(resource))
        self._card(resource).unlink(missing_ok=True)
        return known

    async def registration(self, issuer: str) -> Registration | None:
        """This client as it registered itself with an issuer. Raises StateError."""
        text = await in_thread(lambda: self.cache.get(_registration(issuer)))
        return Registration.from_text(text, issuer=issuer) if text else None

    async def keep_registration(self, registration: Registration) -> None:
        """Keeps a registration. Raises StateError."""
        await in_thread(lambda: self.cache.put(_registration(registration.issuer), registration.to_text()))

    def drop_registration(self, issuer: str) -> None:
        """Forgets a registration. Raises StateError."""
        self.cache.drop(_registration(issuer))

    def all(self) -> list[SignedIn]:
        """Every sign-in, by resource; what cannot be read is left out."""
        cards = map(_read, (self._folder / "signed-in").glob("*.json"))
        return sorted((card for card in cards if card is not None), key=lambda one: one.resource)

    @contextlib.asynccontextmanager
    async def alone(
        self, resource: str, *, pause: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> AsyncIterator[None]:
        """Keeps other programs from refreshing the same grant, whose refresh token holds only once.

        A program that hangs is waited for a while and no longer; where no file can be locked nothing is.
        """
        file = self._opened(self._card(resource).with_suffix(".lock"))
        until = time.monotonic() + PATIENCE
        try:
            while file is not None and not _locked(file) and time.monotonic() < until:
                await pause(_STEP)
            yield
        finally:
            if file is not None:
                file.close()  # which lets go of the lock

    def _opened(self, path: Path) -> IO[bytes] | None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return path.open("ab")
        except OSError:
            return None

    def _card(self, resource: str) -> Path:
        return self._folder / "signed-in" / f"{hashlib.sha256(resource.encode()).hexdigest()[:40]}.json"

    def _write(self, path: Path, text: str) -> None:
        partial = path.with_suffix(f".{os.getpid()}")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            partial.replace(path)
        except OSError as error:
            raise StateError(f"{path} cannot be written ({error.strerror}).") from error


def _read(file: Path) -> SignedIn | None:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        return SignedIn(**{**data, "scopes": tuple(data["scopes"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _grant(resource: str) -> str:
    return f"grant {resource}"


def _registration(issuer: str) -> str:
    return f"registration {issuer}"


def _locked(file: IO[bytes]) -> bool:
    """Whether this program has the lock now."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
