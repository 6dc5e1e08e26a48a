"""The code of a runtime version as a folder on this machine, and its entry file.

Bucket `skerry-local` means that the key is the path of a folder or a zip here; a folder is used where it
is, so that edits reach the next session. A zip, local or from S3, is unpacked once for its content.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import secrets
import shutil
import stat
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from skerry.errors import ProgramError
from skerry.local.runtime.record import Code

LOCAL_BUCKET = "skerry-local"
MAX_ZIP = 250 << 20
"""Bytes of a zip: AWS quota for direct code deployment."""
MAX_UNPACKED = 750 << 20
"""Bytes of an unpacked zip: the same quota."""
MAX_MEMBERS = 100_000

FetchObject = Callable[[str, str, str], Awaitable[bytes]]
"""GetObject: bucket, key, version id or ''. Raises a SkerryError when there is none."""


async def locate(code: Code, *, fetch_object: FetchObject, store: Path) -> tuple[Path, Path]:
    """The folder and the entry file below it. `store` is where zips are unpacked.

    Raises ProgramError with what is missing or wrong, and what `fetch_object` raises.
    """
    if code.bucket == LOCAL_BUCKET:
        path = Path(code.key)
        if not path.is_absolute():
            path = Path("/") / path  # S3 keys are often written without the first slash
        if path.is_dir():
            folder = path
        elif path.is_file():
            folder = await asyncio.to_thread(lambda: unpack(_read(path), store))
        else:
            raise ProgramError(f"there is neither a folder nor a zip at {path}.")
    else:
        data = await fetch_object(code.bucket, code.key, code.version)
        folder = await asyncio.to_thread(unpack, data, store)
    folder = folder.resolve()
    return folder, entry_file(folder, code.entry_point)


def entry_file(folder: Path, entry_point: tuple[str, ...]) -> Path:
    """The script of an entry point, `main.py` or `opentelemetry-instrument main.py`.

    Raises ProgramError when it is not a file below `folder`.
    """
    entry = (folder / entry_point[-1]).resolve()
    if not entry.is_relative_to(folder):
        raise ProgramError(f"the entry point {entry_point[-1]!r} is outside the code.")
    if not entry.is_file():
        raise ProgramError(
            f"the entry point {entry_point[-1]!r} is not in the code.",
            hint="It is a path relative to the folder or zip, such as main.py.",
        )
    return entry


def _read(path: Path) -> bytes:
    _check_size(path.stat().st_size)  # before it is in memory
    return path.read_bytes()


def _check_size(size: int) -> None:
    if size > MAX_ZIP:
        raise ProgramError(
            f"the zip has {size} bytes; {MAX_ZIP} (250 MB) are allowed.",
            hint="Leave out what the platform has, or use a container image.",
        )


def unpack(data: bytes, store: Path) -> Path:
    """The folder below `store` with the members of a zip; made once for the same bytes.

    Raises ProgramError when it is no zip, is too large, or has a member outside the folder.
    """
    _check_size(len(data))
    folder = store / hashlib.sha256(data).hexdigest()[:32]
    if folder.is_dir():
        return folder
    part = store / f"{secrets.token_hex(8)}.part"
    part.mkdir(mode=0o700, parents=True)
    try:
        _extract(data, part)
        part.replace(folder)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as problem:
        raise ProgramError(f"the code is not a zip that can be read: {problem}.") from problem
    except OSError:
        if not folder.is_dir():  # somebody else was faster with the same content
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _extract(data: bytes, folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if len(members) > MAX_MEMBERS:
            raise ProgramError(f"the zip has {len(members)} members; {MAX_MEMBERS} are allowed.")
        # Reading a member ends at its declared size, so their sum is all that will be written.
        size = sum(member.file_size for member in members)
        if size > MAX_UNPACKED:
            raise ProgramError(f"the code unpacks to {size} bytes; {MAX_UNPACKED} (750 MB) are allowed.")
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
