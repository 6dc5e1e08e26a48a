"""Signing keys of a realm: made once, kept with mode 0600, rotated with an overlap.

    file   DIR/realm-NAME.json   {"algorithm": "RS256", "rotated_at": 1790000000.0, "keys": [new, old]}

The file may be replaced while a provider runs (`skerry idp keys rotate`): it is looked at before each use and
read again when it has changed.

The first key signs. After a rotation the old one stays published until the tokens it signed have
expired, so a verifier always finds the key of a token that is still good. `kid` is the key's thumbprint
(RFC 7638).
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from skerry.errors import StateError

PrivateKey = RSAKey | ECKey

_MAKERS: Mapping[str, Callable[[], PrivateKey]] = {
    "RS256": lambda: RSAKey.generate_key(2048, parameters={"use": "sig", "alg": "RS256"}, auto_kid=True),
    "ES256": lambda: ECKey.generate_key("P-256", parameters={"use": "sig", "alg": "ES256"}, auto_kid=True),
}


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The key that signs, and the one before it with the time (epoch seconds) it was replaced."""

    current: PrivateKey
    previous: PrivateKey | None = None
    rotated_at: float = 0.0

    def published(self, now: float, overlap: float) -> tuple[PrivateKey, ...]:
        """The keys whose signatures hold at `now`; the old one for `overlap` seconds."""
        if self.previous is None or now >= self.rotated_at + overlap:
            return (self.current,)
        return (self.current, self.previous)


def file_name(realm: str) -> str:
    """The name of a realm's key file in the state directory."""
    return f"realm-{realm}.json"


def public_set(keys: tuple[PrivateKey, ...]) -> dict[str, Any]:
    """The JWK set of `keys` (RFC 7517 section 5): public members only."""
    return {"keys": [key.as_dict(private=False) for key in keys]}


class Keys:
    """The keys of one realm. Without a `file` they live in memory, as tests want it.

    `overlap` is how many seconds the old key stays published after a rotation. Making a key takes
    about 0.1 s and happens at the first `ring()`, in the thread that asks; `load()` only reads.
    """

    def __init__(
        self, *, algorithm: str, file: Path | None, overlap: float, clock: Callable[[], float]
    ) -> None:
        self._algorithm = algorithm
        self._file = file
        self._overlap = overlap
        self._clock = clock
        self._lock = threading.Lock()
        self._ring: KeyRing | None = None
        self._seen: tuple[int, int, int] | None = None

    @property
    def loaded(self) -> KeyRing | None:
        """The ring when it is in memory already, which takes no time to find out."""
        return self._ring

    def load(self) -> None:
        """Reads the file when there is one.

        Raises StateError when it cannot be read, is open to other users, or has another algorithm.
        """
        with self._lock:
            self._load()

    def ring(self) -> KeyRing:
        """The keys; the first call may have to make one. Raises StateError as `load` does."""
        with self._lock:
            self._load()
            if self._ring is None:
                self._ring = self._keep_first(KeyRing(_MAKERS[self._algorithm]()))
            return self._ring

    def rotate(self) -> None:
        """Makes a new signing key; the present one becomes the old one, an older one is forgotten."""
        with self._lock:
            self._load(any_algorithm=True)
            old = self._ring.current if self._ring else None
            ring = KeyRing(_MAKERS[self._algorithm](), old, self._clock() if old else 0.0)
            if self._file is not None:
                _write(self._file, _encode(ring), replace=True)
                self._seen = _seen(self._file)
            self._ring = ring

    def published(self) -> tuple[PrivateKey, ...]:
        """The keys whose signatures hold now."""
        return self.ring().published(self._clock(), self._overlap)

    def _load(self, *, any_algorithm: bool = False) -> None:
        seen = None if self._file is None else _seen(self._file)
        if self._file is None or (self._ring is not None and seen in (None, self._seen)):
            return
        ring = _read(self._file) or self._ring
        if ring is not None and ring.current.alg != self._algorithm and not any_algorithm:
            raise StateError(
                f"{self._file.name} holds a {ring.current.alg} key but the realm asks for {self._algorithm}.",
                hint="Start once with --rotate to change the algorithm.",
            )
        self._ring, self._seen = ring, seen

    def _keep_first(self, ring: KeyRing) -> KeyRing:
        """Writes the first key; when another process was faster, its key is the one to use."""
        if self._file is None or _write(self._file, _encode(ring), replace=False):
            self._seen = None if self._file is None else _seen(self._file)
            return ring
        self._seen = _seen(self._file)
        return _read(self._file) or ring


def _seen(file: Path) -> tuple[int, int, int] | None:
    """What changes when a file is replaced; None when there is none."""
    try:
        found = file.stat()
    except OSError:  # `_read` says what is wrong, when there is nothing in memory to go on with
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _encode(ring: KeyRing) -> bytes:
    keys = [ring.current, *([ring.previous] if ring.previous else [])]
    document = {
        "algorithm": ring.current.alg,
        "rotated_at": ring.rotated_at,
        "keys": [key.as_dict(private=True) for key in keys],
    }
    return json.dumps(document).encode()


def _read(file: Path) -> KeyRing | None:
    try:
        mode = file.stat().st_mode
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(
            f"{file} cannot be read: {error.strerror}.", hint="Check who owns the state directory."
        ) from error
    if os.name == "posix" and mode & 0o077:
        raise StateError(
            f"{file} can be read by other users, so its keys are not secret any more.",
            hint="Delete it; new keys are made at the next start.",
        )
    try:
        document = json.loads(text)
        keys = [_import(item) for item in document["keys"]]
        return KeyRing(keys[0], keys[1] if len(keys) > 1 else None, float(document["rotated_at"]))
    except (JoseError, ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise StateError(
            f"{file} holds no signing keys.",
            hint="Delete it; new keys are made at the next start, and tokens of before stop working.",
        ) from error


def _import(item: dict[str, Any]) -> PrivateKey:
    kinds: Mapping[str, type[PrivateKey]] = {"RS256": RSAKey, "ES256": ECKey}
    key = kinds[item["alg"]].import_key(item)
    if not key.is_private or key.kid != key.thumbprint():
        raise ValueError("not a private key, or another key's id")
    return key


def _write(file: Path, content: bytes, *, replace: bool) -> bool:
    """Writes `file` as a whole, mode 0600 from its first moment; whether it did.

    Without `replace` a file that exists is left as it is. Raises StateError.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=file.parent) as folder:
            scratch = Path(folder) / file.name
            with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            return _put(scratch, file, replace=replace)
    except OSError as error:
        raise StateError(
            f"{file.parent} cannot be written: {error.strerror}.", hint="Choose another --state directory."
        ) from error


def _put(scratch: Path, file: Path, *, replace: bool) -> bool:
    if replace:
        scratch.replace(file)
        return True
    try:
        os.link(scratch, file)  # unlike a rename it fails when another process was faster
    except FileExistsError:
        return False
    return True
