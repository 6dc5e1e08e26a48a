"""The code of a runtime version as a folder on this machine, and its entry file.

Bucket `skerry-local` means that the key is the path of a folder or a zip here; a folder is used where it
is, so that edits reach the next session. A zip, local or from S3, is unpacked once for its content.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from skerry.errors import ProgramError
from skerry.local.runtime.record import Code
from skerry.local.state import unpacked

LOCAL_BUCKET = "skerry-local"
BOUNDS = unpacked.Bounds(
    zipped=250 << 20,
    unpacked=750 << 20,
    hint="Leave out what the platform has, or use a container image.",
)
"""AWS quota for direct code deployment."""

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
    BOUNDS.check(path.stat().st_size)  # before it is in memory
    return path.read_bytes()


def unpack(data: bytes, store: Path) -> Path:
    """The folder below `store` with the members of a zip. Raises ProgramError: see `unpacked.unpack`."""
    return unpacked.unpack(data, store, BOUNDS)
