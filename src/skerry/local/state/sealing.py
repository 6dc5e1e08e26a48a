"""Secrets at rest: sealed with AES-256-GCM under a key of the state directory.

The key is a file of its own (0600): a copy of the database alone shows nothing. Whoever can read the whole
state directory can read the secrets too, as with any vault that opens itself. What a text was sealed for is
authenticated with it, so that a sealed secret moved to another record does not open there.

Source: NIST SP 800-38D; 96-bit random nonces, far below 2^32 of them for one key.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from skerry.errors import SkerryError, StateError
from skerry.local.state import private

KEY_FILE = "vault.key"
_KEY = 32
_NONCE = 12
_VERSION = "1."


class SealError(SkerryError):
    """A text is not one that this key sealed for this purpose. It says nothing of the text."""


class Sealer:
    """Seals and opens texts with one key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def of(cls, folder: Path) -> Sealer:
        """The sealer of a state directory; its key is made the first time. Raises StateError."""
        path = folder / KEY_FILE
        try:
            if not path.exists():
                private.folder(folder)
                private.write(path, secrets.token_bytes(_KEY))
            mode, key = path.stat().st_mode, path.read_bytes()
        except OSError as error:
            raise _unusable(path, error.strerror or type(error).__name__) from error
        if len(key) != _KEY:
            raise _unusable(path, f"it has {len(key)} bytes, not {_KEY}")
        if os.name == "posix" and mode & 0o077:
            raise StateError(
                f"the key file {path} may be read by others than its owner (mode {stat.filemode(mode)}).",
                hint=f"Run: chmod 600 {path}. Whoever has read it can open the secrets beside it.",
            )
        return cls(key)

    def seal(self, text: str, purpose: str) -> str:
        """The sealed text, printable ASCII without `=`; `purpose` is needed to open it."""
        nonce = secrets.token_bytes(_NONCE)
        raw = nonce + self._cipher.encrypt(nonce, text.encode("utf-8"), purpose.encode("utf-8"))
        return _VERSION + base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")

    def open(self, sealed: str, purpose: str) -> str:
        """The text. Raises SealError for anything that `seal` did not make for this purpose with this key."""
        try:
            if not sealed.startswith(_VERSION) or not sealed.isascii():
                raise ValueError("not sealed")
            body = sealed[len(_VERSION) :]
            raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
            if len(raw) < _NONCE:
                raise ValueError("too short")
            return self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], purpose.encode("utf-8")).decode("utf-8")
        except (ValueError, binascii.Error, InvalidTag) as error:
            raise SealError(
                "A sealed text does not open: it was changed, or sealed with another key."
            ) from error


def _unusable(path: Path, why: str) -> StateError:
    return StateError(
        f"the key file {path} cannot be used: {why}.",
        hint="Bring it back from a copy. Without it sealed secrets are lost: remove the state then.",
    )
