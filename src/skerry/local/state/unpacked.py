"""Zips of code, unpacked below the state directory: for runtimes and for functions.

A folder is named after its zip's content, so that the same bytes are unpacked once.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import shutil
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path

from skerry.errors import ProgramError

MAX_MEMBERS = 100_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most bytes of a zip, and of what is in it; `hint` is what to do about more."""

    zipped: int
    unpacked: int
    hint: str = ""

    def check(self, size: int) -> None:
        """Raises ProgramError for a zip of that many bytes that is too large."""
        if size > self.zipped:
            raise ProgramError(
                f"the zip has {size} bytes; {self.zipped} ({self.zipped >> 20} MB) are allowed.",
                hint=self.hint,
            )


def folder_name(digest: str) -> str:
    """The name of the folder for a zip with this SHA-256, in hexadecimal."""
    return digest[:32]


def unpack(data: bytes, store: Path, bounds: Bounds) -> Path:
    """The folder below `store` with the members of a zip; made once for the same bytes.

    Raises ProgramError when it is no zip, is too large, or has a member outside the folder.
    """
    bounds.check(len(data))
    folder = store / folder_name(hashlib.sha256(data).hexdigest())
    if folder.is_dir():
        return folder
    part = store / f"{secrets.token_hex(8)}.part"
    part.mkdir(mode=0o700, parents=True)
    try:
        _extract(data, part, bounds)
        part.replace(folder)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as problem:
        raise ProgramError(f"the code is not a zip that can be read: {problem}.") from problem
    except OSError:
        if not folder.is_dir():  # somebody else was faster with the same content
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _extract(data: bytes, folder: Path, bounds: Bounds) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if len(members) > MAX_MEMBERS:
            raise ProgramError(f"the zip has {len(members)} members; {MAX_MEMBERS} are allowed.")
        # Reading a member ends at its declared size, so their sum is all that will be written.
        size, most = sum(member.file_size for member in members), bounds.unpacked
        if size > most:
            raise ProgramError(f"the code unpacks to {size} bytes; {most} ({most >> 20} MB) are allowed.")
        for member in members:
            target = _target(member, folder)
            if member.is_dir():
                target.mkdir(mode=0o700, parents=True, exist_ok=True)
                continue
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = 0o700 if member.external_attr >> 16 & stat.S_IXUSR else 0o600
            out = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
            with archive.open(member) as source, os.fdopen(out, "wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)


def _target(member: zipfile.ZipInfo, folder: Path) -> Path:
    name = member.filename.replace("\\", "/")
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or ":" in parts[0] or "\0" in name:
        raise ProgramError(f"the zip has a member outside its folder: {name[:120]!r}.")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise ProgramError(f"the zip has a symbolic link: {name[:120]!r}.")
    return folder.joinpath(*(part for part in parts if part not in ("", ".")))
