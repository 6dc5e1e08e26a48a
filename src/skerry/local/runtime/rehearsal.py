"""What libraries do once in a process, done in the warm parent, so that sessions share what comes of it.

Stands alone like `bootstrap.py`, which loads it by path: standard library only, Python 3.10 or newer. What a
library writes on first use is written again in every session, one page after the other: OpenSSL finds its
algorithms, botocore parses what every client reads. Nothing here opens a socket, starts a thread, or uses a
key; a program sees no difference but in time and memory.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

# os.path is there in any Python that starts; pathlib would be one more import before the program's own.
# ruff: noqa: PTH113, PTH116, PTH118, PTH208

BOTOCORE = ("endpoints", "partitions", "sdk-default-configuration", "_retry")
"""What a client of any service is made from."""
SERVICE = ("service-2", "endpoint-rule-set-1")

SERVICES: dict[str, tuple[str, ...]] = {"strands.models.bedrock": ("bedrock-runtime",)}
"""Of which services libraries make clients when they run, by the module that does."""

_done: set[str] = set()


def rehearse() -> None:
    """Uses OpenSSL once, where it is imported; of every library that brings its own."""
    for name, use in USES.items():
        if name in sys.modules and name not in _done:
            _done.add(name)
            with contextlib.suppress(Exception):  # a build without it: the program meets that itself
                use()


def _hash() -> None:
    import hashlib
    import hmac

    hmac.new(b"key", b"message", hashlib.sha256).digest()


def _context() -> None:
    import ssl

    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _cryptography() -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    hashes.Hash(hashes.SHA256()).finalize()
    AESGCM(bytes(32)).encrypt(bytes(12), b"message", None)


USES: dict[str, Callable[[], None]] = {
    "_hashlib": _hash,
    "_ssl": _context,
    "cryptography.hazmat.bindings._rust": _cryptography,
}


def lend(services: Iterable[str]) -> None:
    """Parses what clients of these AWS services are made from, where the program uses botocore.

    A parsed file is given away once, to the first that reads it; whoever reads it again parses it anew, as
    without this. So nobody sees what somebody else changed in it. It is never freed, which would be writing.
    """
    if "botocore.loaders" not in sys.modules:
        return
    wanted = {*services, *(name for key, names in SERVICES.items() if key in sys.modules for name in names)}
    if wanted - _done:
        with contextlib.suppress(Exception):  # another botocore: its clients parse for themselves
            _lend(sorted(wanted - _done))
    _done.update(wanted)


def _lend(services: Iterable[str]) -> None:
    from botocore import loaders

    root, kind = loaders.Loader.BUILTIN_DATA_PATH, loaders.JSONFileLoader
    parsed: dict[str, tuple[str, os.stat_result, Any]] = {}
    for name in [*(() if "botocore" in _done else BOTOCORE), *_models(root, services)]:
        path = os.path.join(root, name)
        for file in (path + ".json", path + ".json.gz"):
            if os.path.isfile(file):
                parsed[path] = (file, os.stat(file), kind().load_file(path))
                break
    _done.add("botocore")
    given, load = list(parsed.values()), kind.load_file

    @functools.wraps(load)
    def load_file(self: Any, file_path: str) -> Any:
        file, known, data = parsed.pop(file_path, ("", None, None)) if type(self) is kind else ("", None, None)
        if known is None or not _same(file, known):
            return load(self, file_path)
        loaders.logger.debug("Loading JSON file: %s", file)
        return data

    load_file.given = given  # type: ignore[attr-defined]
    kind.load_file = load_file


def _models(root: str, services: Iterable[str]) -> Iterable[str]:
    for service in services:
        folder = os.path.join(root, service)
        if os.path.isdir(folder):
            latest = max(os.listdir(folder))
            yield from (os.path.join(service, latest, kind) for kind in SERVICE)


def _same(file: str, known: os.stat_result) -> bool:
    try:
        now = os.stat(file)
    except OSError:
        return False
    return (now.st_mtime_ns, now.st_size, now.st_ino) == (known.st_mtime_ns, known.st_size, known.st_ino)
