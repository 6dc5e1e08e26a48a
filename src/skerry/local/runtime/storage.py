"""Session storage: folders that outlive the compute of a session, the same for the same session id.

Source: AWS developer guide, runtime session storage (preview). Storage is emptied when the session begins
with another version of its runtime, and goes with the runtime; AWS keeps it for 14 days after the last use.

    STATE/storage/RUNTIME ID/HASH OF ENDPOINT AND SESSION ID/
        +version       the runtime version that wrote it
        NAME/          what the program sees at the mount path /mnt/NAME

The limit of 1 GB cannot be enforced on an ordinary folder: it is measured when a session begins and ends,
and passing it is a warning in the log, where AWS's program would find its disk full.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from skerry.errors import ProgramError
from skerry.local.runtime.record import Runtime

RETENTION = 14 * 24 * 3600
"""Seconds after the last use: field reports."""
_VERSION = "+version"  # no mount path has that name
log = logging.getLogger(__name__)


class Storage:
    """All session storage of the stack, below `root`; `limit` is the bytes that one session may use."""

    def __init__(self, root: Path, *, limit: int) -> None:
        self._root = root
        self._limit = limit

    async def open(self, runtime: Runtime, session_id: str) -> Mapping[str, Path]:
        """The folder of each mount path, made or emptied as needed. Raises ProgramError for no mount path."""
        return await asyncio.to_thread(self._open, runtime, session_id)

    async def close(self, runtime: Runtime, session_id: str) -> None:
        """The session's compute ended: marks the use and measures."""
        await asyncio.to_thread(self._close, runtime, session_id)

    async def forget(self, runtime_id: str) -> None:
        """Removes the storage of every session of a deleted runtime."""
        await asyncio.to_thread(shutil.rmtree, self._root / runtime_id, ignore_errors=True)

    def _place(self, runtime: Runtime, session_id: str) -> Path:
        # A session id is no file name, and two endpoints are two sessions.
        name = hashlib.sha256(f"{runtime.qualifier}\0{session_id}".encode()).hexdigest()[:32]
        return self._root / runtime.id / name

    def _open(self, runtime: Runtime, session_id: str) -> Mapping[str, Path]:
        place = self._place(runtime, session_id)
        written = place / _VERSION
        if place.exists() and (not written.is_file() or written.read_text() != runtime.version):
            shutil.rmtree(place, ignore_errors=True)
        folders = {mount: place / _name(mount) for mount in runtime.mounts}
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        written.write_text(runtime.version)
        for folder in folders.values():
            folder.mkdir(mode=0o700, exist_ok=True)
        self._measure(runtime, session_id, place)
        return folders

    def _close(self, runtime: Runtime, session_id: str) -> None:
        place = self._place(runtime, session_id)
        if place.is_dir():
            os.utime(place)
            self._measure(runtime, session_id, place)

    def _measure(self, runtime: Runtime, session_id: str, place: Path) -> None:
        used = size(place)
        if used > self._limit:
            log.warning(
                "session %s of %s keeps %d MB in its session storage; AWS allows %d MB and lets writes fail",
                session_id,
                runtime.name,
                used >> 20,
                self._limit >> 20,
            )


def _name(mount: str) -> str:
    """The name of a mount path below /mnt. AWS's pattern lets `..` through: a ProgramError here."""
    name = mount.rstrip("/").removeprefix("/mnt/")
    if name in ("", ".", "..") or "/" in name:
        raise ProgramError(f"{mount} is no mount path for session storage.", hint="Write /mnt/NAME.")
    return name


def size(folder: Path) -> int:
    """The bytes that the files below a folder take on the disk; links are not followed."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                found = Path(path, name).lstat()
            except OSError:  # removed meanwhile
                continue
            if sys.platform == "win32":
                total += found.st_size
            else:
                total += min(found.st_size, found.st_blocks * 512)
    return total


def forget_old(root: Path, now: float | None = None) -> None:
    """Removes storage that was not used for RETENTION seconds. Blocks on the disk."""
    oldest = (time.time() if now is None else now) - RETENTION
    for place in root.glob("*/*"):
        if place.stat().st_mtime < oldest:
            shutil.rmtree(place, ignore_errors=True)
