"""Proof Key for Code Exchange (RFC 7636), for both ends of it: S256, the only method that skerry knows."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection


def challenge(verifier: str) -> str:
    """The S256 challenge of a verifier, which is ASCII (RFC 7636 section 4.2)."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def is_taken(methods: Collection[str], *, assumed: bool = False) -> bool:
    """Whether a server takes S256, by the `code_challenge_methods_supported` of its metadata.

    A server that names none is refused by MCP clients (MCP 2026-07-28, authorization: they MUST); with
    `assumed` it gets a challenge all the same, which one without PKCE ignores (RFC 6749 §3.1).
    """
    return "S256" in methods or (assumed and not methods)
