"""Proof Key for Code Exchange (RFC 7636), for both ends of it: S256, the only method that skerry knows."""

from __future__ import annotations

import base64
import hashlib


def challenge(verifier: str) -> str:
    """The S256 challenge of a verifier, which is ASCII (RFC 7636 section 4.2)."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
