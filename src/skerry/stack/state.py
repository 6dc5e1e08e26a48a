"""The state directory: a lock, secrets made once, ports kept, and `stack.json` while a stack runs.

The directory is 0700 and every file 0600. Only one stack at a time holds the lock; the lock is the
operating system's, so it is free again however the stack ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from skerry.auth import local
from skerry.errors import AlreadyRunningError, NotRunningError, StateError
from skerry.local.state import private

IDP_FILE, IDP_FOLDER = "idp.json", "idp"
"""The identity provider's configuration, and the folder of its keys and records."""

SECRET_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")

if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[str]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(file: IO[str]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class _OwnSecrets(Mapping[str, str]):
    """Secrets by the name that somebody asks for. It lists none: what was not asked for does not exist."""

    def __init__(self, state: State) -> None:
        self._state = state

    def __getitem__(self, name: str) -> str:
        if not SECRET_NAME.fullmatch(name):
            raise KeyError(name)
        return self._state.secret(f"secrets/{name}")

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class State:
    """A state directory. Making one creates the directory; raises StateError when it cannot."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            (self.folder / "logs").mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StateError(
                f"the state directory {self.folder} cannot be used: {error.strerror}.",
                hint="Give another one with --state DIR.",
            ) from error

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the directory for one stack. Raises AlreadyRunningError when another holds it."""
        with self._lock_file() as file:
            try:
                _take(file)
            except OSError as error:
                raise AlreadyRunningError(
                    f"a stack already runs on the state directory {self.folder}{self._who()}.",
                    hint=f"Stop it with: skerry stop --state {self.folder} — or give --state another DIR.",
                ) from error
            self.forget()
            try:
                yield
            finally:
                self.forget()

    def _lock_file(self) -> IO[str]:
        try:
            return open(self.folder / "lock", "a+", encoding="utf-8", opener=_private)
        except OSError as error:
            raise unusable(error) from error

    def held(self) -> bool:
        """Whether a stack holds the directory now, also one that is not ready yet."""
        with self._lock_file() as file:
            try:
                _take(file)
            except OSError:
                return True
        return False

    def _who(self) -> str:
        with contextlib.suppress(OSError, ValueError, KeyError):
            running = json.loads((self.folder / "stack.json").read_text(encoding="utf-8"))
            return f" (process {running['pid']}, {running['endpoint']})"
        return ""

    @property
    def token_clock(self) -> Path:
        """The file that moves the clock which tokens of this stack end by."""
        return self.folder / IDP_FOLDER / "clock.json"

    def secret(self, name: str) -> str:
        """A random secret by name, made at the first call and the same ever after."""
        kept = self._read("secrets.json")
        if name not in kept:
            kept[name] = secrets.token_urlsafe(32)
            self.write("secrets.json", kept)
        return str(kept[name])

    def own_secrets(self) -> Mapping[str, str]:
        """The `${secrets.NAME}` of skerry.toml: every fitting name is there, made when it is first read."""
        return _OwnSecrets(self)

    def ports(self) -> dict[str, int]:
        """The ports that the stack's processes had the last time."""
        return {name: int(port) for name, port in self._read("ports.json").items()}

    def keep_ports(self, ports: Mapping[str, int]) -> None:
        self.write("ports.json", dict(ports))

    def publish(self, running: Mapping[str, Any]) -> None:
        """Writes `stack.json`: the stack is ready and this is where everything is."""
        self.write("stack.json", dict(running))

    def forget(self) -> None:
        """Removes `stack.json`: no stack runs here. Raises StateError."""
        try:
            (self.folder / "stack.json").unlink(missing_ok=True)
        except OSError as error:
            raise unusable(error) from error

    def write(self, name: str, data: Mapping[str, Any]) -> Path:
        """Writes a JSON file of the directory at once and for its owner alone. Raises StateError."""
        path = self.folder / name
        private.write(path, json.dumps(data, indent=1).encode())
        return path

    def _read(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise StateError(
                f"{path} cannot be read: {error}.",
                hint="Remove it to have it made anew, or give another --state DIR.",
            ) from error
        if not isinstance(data, dict):
            raise StateError(f"{path} holds something else.", hint="Remove it to have it made anew.")
        return data


def unusable(error: OSError) -> StateError:
    """What the system refused while state was written, with the file that it names."""
    what = error.filename or "the state directory"
    return StateError(
        f"{what} cannot be used: {error.strerror or type(error).__name__}.",
        hint="Check the permissions and the space that is left, or give another directory with --state DIR.",
    )


def running(folder: Path) -> dict[str, Any]:
    """What the stack on a state directory published.

    Raises NotRunningError when there is none, StateError when its file cannot be read.
    """
    data = local.read(folder)
    if data is None:
        raise NotRunningError(
            f"no stack runs on the state directory {folder.resolve()}.",
            hint="Start one with: skerry up — or name its directory with --state DIR.",
        )
    if not _alive(int(data["pid"])):
        raise NotRunningError(
            f"the stack on {folder.resolve()} has ended without cleaning up.",
            hint="Start it again with: skerry up",
        )
    return dict(data)


def _alive(pid: int) -> bool:
    if sys.platform == "win32":  # os.kill(pid, 0) would end the process there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
