"""Folders and files that only their owner may read: 0700 and 0600 where the system knows modes.

Everything here raises StateError when the system refuses.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import IO

from skerry.errors import StateError


def folder(path: Path) -> Path:
    """The folder, made when it is not there. One that everybody can write to is refused."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        open_to_others = os.name == "posix" and path.stat().st_mode & stat.S_IWOTH
    except OSError as error:
        raise _refused(path, error) from error
    if open_to_others:
        raise StateError(
            f"{path} can be written to by every account of this machine.",
            hint=f"Take that away (chmod o-w {path}), or choose another directory with --state.",
        )
    return path


def appending(path: Path) -> IO[bytes]:
    """The file opened for appending, made when it is not there."""
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
    except OSError as error:
        raise _refused(path, error) from error


def write(path: Path, content: bytes) -> None:
    """A file that is either there as a whole or not at all."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> StateError:
    return StateError(
        f"{path} cannot be used: {error.strerror or type(error).__name__}.",
        hint="Check the permissions and the space that is left, or choose another directory with --state.",
    )
