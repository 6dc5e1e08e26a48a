"""What libraries do once in a process, done in the warm parent, so that sessions share what comes of it.

Stands alone like `bootstrap.py`, which loads it by path: standard library only, Python 3.10 or newer. What a
library makes on first use would be made, and written, by every session for itself: OpenSSL's algorithms, and
what botocore makes its clients from. Nothing here imports what the program does not, opens a socket, starts a
thread or needs a key; a program sees no difference but in time and memory.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

# os.path is there in any Python that starts; pathlib would be one more import before the program's own.
# ruff: noqa: PTH112, PTH113, PTH116, PTH118, PTH208

EVERY = ("_retry", "endpoints", "partitions", "sdk-default-configuration")
"""Files that botocore reads for a client of any service; `endpoints` is 7 MB once parsed."""
SERVICE = ("endpoint-rule-set-1", "service-2")

SERVICES: dict[str, tuple[str, ...]] = {"strands.models.bedrock": ("bedrock-runtime",)}
"""Of which services libraries make clients when they run, by the module that does."""

_done: set[str] = set()


# --- OpenSSL, of which each library may bring its own -----------------------------------------------


def rehearse() -> None:
    """Uses OpenSSL once through each library that the program imports."""
    for name, use in USES.items():
        if name in sys.modules and name not in _done:
            _done.add(name)
            with contextlib.suppress(Exception):  # third-party code may raise anything; the program meets it
                use()


def _hashlib() -> None:
    made = sys.modules["_hashlib"]
    made.openssl_sha256(b"message").digest()
    made.hmac_digest(b"key", b"message", "sha256")


def _ssl() -> None:
    import ssl

    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _hashes() -> None:
    hashes = sys.modules["cryptography.hazmat.primitives.hashes"]
    hashes.Hash(hashes.SHA256()).finalize()


def _aead() -> None:
    aead = sys.modules["cryptography.hazmat.primitives.ciphers.aead"]
    aead.AESGCM(bytes(32)).encrypt(bytes(12), b"message", None)


USES: dict[str, Callable[[], None]] = {
    "_hashlib": _hashlib,
    "ssl": _ssl,
    "cryptography.hazmat.primitives.hashes": _hashes,
    "cryptography.hazmat.primitives.ciphers.aead": _aead,
}


# --- botocore ---------------------------------------------------------------------------------------


def lend(services: Iterable[str]) -> None:
    """Parses what botocore makes clients of these services from, where the program imports it.

    A parsed file goes to the first that reads it in a session, and to nobody else: who reads it again gets it
    parsed anew, as botocore does it, so nobody sees what others changed in it. None of it is freed, because
    that would be writing.
    """
    if "botocore.session" not in sys.modules:
        return
    late = {name for key, names in SERVICES.items() if key in sys.modules for name in names}
    with contextlib.suppress(Exception):  # third-party code, and another botocore: sessions parse as ever
        _lend({*services, *late})


def _lend(services: Iterable[str]) -> None:
    loaders = sys.modules["botocore.loaders"]
    kind = loaders.JSONFileLoader
    load = kind.load_file
    parsed: dict[str, tuple[str, os.stat_result, Any]] = {}
    for path in _paths(loaders.Loader.BUILTIN_DATA_PATH, services):
        file = next((path + end for end in (".json", ".json.gz") if os.path.isfile(path + end)), "")
        if file and path not in _done:
            _done.add(path)
            parsed[path] = (file, os.stat(file), load(kind(), path))
    if not parsed:
        return
    kept = list(parsed.values())

    @functools.wraps(load)
    def load_file(self: Any, file_path: str) -> Any:
        if type(self) is kind and file_path in parsed:
            file, known, data = parsed.pop(file_path, ("", None, None))  # a thread may have been faster
            if known is not None and _unchanged(file, known):
                loaders.logger.debug("Loading JSON file: %s", file)
                return data
        return load(self, file_path)

    load_file.kept = kept  # type: ignore[attr-defined]
    kind.load_file = load_file


def _paths(root: str, services: Iterable[str]) -> Iterator[str]:
    """What botocore reads, as its loader names it: without an ending, a service in its latest version."""
    yield from (os.path.join(root, name) for name in EVERY)
    for service in sorted(set(services).intersection(os.listdir(root))):
        folder = os.path.join(root, service)
        latest = max(os.listdir(folder)) if os.path.isdir(folder) else ""
        yield from (os.path.join(folder, latest, name) for name in SERVICE)


def _unchanged(file: str, known: os.stat_result) -> bool:
    try:
        now = os.stat(file)
    except OSError:
        return False
    return (now.st_mtime_ns, now.st_size, now.st_ino) == (known.st_mtime_ns, known.st_size, known.st_ino)
