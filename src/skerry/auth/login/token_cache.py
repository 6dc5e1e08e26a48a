"""Where tokens of a person are kept between two programs: the system's own keyring, or a file of 0600.

Both keep text by a key; nothing of either is ever printed.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from skerry.errors import StateError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "skerry"
_WINDOWS_LIMIT = 1200
"""Characters that the Credential Manager of Windows keeps in one entry."""


class TokenCache(Protocol):
    """Keeps texts. `where` says to a person where."""

    @property
    def where(self) -> str:
        """For people."""
        ...

    def get(self, key: str) -> str | None:
        """What is kept by a key. Raises StateError when it cannot be read."""
        ...

    def put(self, key: str, text: str) -> None:
        """Keeps a text. Raises StateError when it cannot be written."""
        ...

    def drop(self, key: str) -> None:
        """Forgets a key; one that is not kept too."""
        ...


class FileCache:
    """A file for each key in a folder of 0700; nobody else may read them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.where = f"files in {folder}"

    def get(self, key: str) -> str | None:
        path = self._path(key)
        try:
            with path.open(encoding="utf-8") as file:
                if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
                    raise StateError(
                        f"{path} can be read by others.", hint=f"Run: chmod 600 {path}, and sign in again."
                    )
                return file.read()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise StateError(f"{path} cannot be read ({type(error).__name__}).") from error

    def put(self, key: str, text: str) -> None:
        path = self._path(key)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._folder)  # 0600 from its first moment
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(text)
                Path(name).replace(path)
            except OSError:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise StateError(f"{path} cannot be written ({error.strerror}).") from error

    def drop(self, key: str) -> None:
        try:
            self._path(key).unlink(missing_ok=True)
        except OSError as error:
            raise StateError(f"{self._path(key)} cannot be deleted ({error.strerror}).") from error

    def _path(self, key: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}.json"


class KeyringCache:
    """The keyring of the operating system; a file where that refuses or has no room."""

    def __init__(self, keyring: KeyringBackend, otherwise: TokenCache, *, limit: int | None = None) -> None:
        self._keyring = keyring
        self._otherwise = otherwise
        self._limit = limit
        self.where = f"the keyring ({keyring.name})"

    def get(self, key: str) -> str | None:
        from keyring.errors import KeyringError

        try:
            found = self._keyring.get_password(SERVICE, key)
        except (KeyringError, OSError):
            found = None
        return found if found is not None else self._otherwise.get(key)

    def put(self, key: str, text: str) -> None:
        from keyring.errors import KeyringError

        if self._limit is None or len(text) <= self._limit:
            try:
                self._keyring.set_password(SERVICE, key, text)
            except (KeyringError, OSError):
                pass
            else:
                self._otherwise.drop(key)
                return
        self._forget(key)  # else the old text would be found first
        self._otherwise.put(key, text)

    def drop(self, key: str) -> None:
        self._forget(key)
        self._otherwise.drop(key)

    def _forget(self, key: str) -> None:
        from keyring.errors import KeyringError

        try:
            self._keyring.delete_password(SERVICE, key)
        except (KeyringError, OSError):
            return


def token_cache(folder: Path, *, use_keyring: bool = True) -> TokenCache:
    """The system's keyring where there is one (package `keyring`), else files in `folder`."""
    files = FileCache(folder)
    if not use_keyring:
        return files
    try:
        import keyring
    except ImportError:
        return files
    found = keyring.get_keyring()
    if type(found).__module__.endswith((".fail", ".null")):
        return files
    return KeyringCache(found, files, limit=_WINDOWS_LIMIT if sys.platform == "win32" else None)
