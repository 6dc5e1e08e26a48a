"""The code of deployed functions as folders: unpacked once for a zip, there as long as somebody uses them.

Source: Lambda developer guide, "Quotas", deployment package size.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from skerry.errors import ProgramError, ServiceError
from skerry.local.state import private, unpacked

BOUNDS = unpacked.Bounds(
    zipped=250 << 20,
    unpacked=250 << 20,
    hint="Leave out what skerry's own interpreter has, or declare the function with a folder.",
)
FOLDER = "function-code"
"""Below the state directory."""

Fetch = Callable[[], Awaitable[bytes]]


@dataclass(slots=True)
class _Folder:
    users: int = 0
    path: Path | None = None
    size: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class CodeChangedError(Exception):
    """The code is not the one that was asked for."""


class CodeFolders:
    """Folders below the state directory, by the SHA-256 of their zips in base64, as Lambda gives it."""

    def __init__(self, state: Path) -> None:
        self._store = state / FOLDER
        self._folders: dict[str, _Folder] = {}

    async def start(self) -> None:
        """Takes away what a run before left. Raises StateError."""
        await asyncio.to_thread(shutil.rmtree, self._store, ignore_errors=True)

    async def use(self, sha256: str, fetch: Fetch) -> tuple[Path, int]:
        """The folder and how many bytes it has; give it back with `leave`.

        `fetch` gets the zip. Raises what that raises, StateError, ServiceError (InvalidZipFileException) when
        it cannot be unpacked, and CodeChangedError when it is another one by now.
        """
        found = self._folders.setdefault(sha256, _Folder())
        found.users += 1
        try:
            async with found.turn:
                if found.path is not None:
                    return found.path, found.size
                path, size = await asyncio.to_thread(self._unpack, await fetch(), sha256)
                found.path, found.size = path, size
                return path, size
        except BaseException:
            found.users -= 1
            self._forget(sha256, found)
            raise

    async def leave(self, sha256: str) -> None:
        """The folder is not used any more by one of its users."""
        found = self._folders[sha256]
        found.users -= 1
        async with found.turn:
            path = found.path
            if not found.users and path is not None:
                found.path = None
                await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
        self._forget(sha256, found)

    def _forget(self, sha256: str, folder: _Folder) -> None:
        if not folder.users and folder.path is None and self._folders.get(sha256) is folder:
            del self._folders[sha256]

    def _unpack(self, data: bytes, sha256: str) -> tuple[Path, int]:
        if hashlib.sha256(data).digest() != _digest(sha256):
            raise CodeChangedError
        private.folder(self._store)
        try:
            path = unpacked.unpack(data, self._store, BOUNDS)
        except ProgramError as problem:
            raise _unusable(str(problem)) from problem
        return path.resolve(), sum(item.stat().st_size for item in path.rglob("*") if item.is_file())


def _digest(sha256: str) -> bytes:
    try:
        return base64.b64decode(sha256)
    except binascii.Error:
        return b""


def _unusable(why: str) -> ServiceError:
    text = f"Lambda could not unzip the deployment package: {why}"
    return ServiceError("InvalidZipFileException", 502, text, members={"Type": "User"})
