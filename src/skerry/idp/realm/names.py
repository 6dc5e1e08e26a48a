"""The names that people sign in with, in Unicode.

Keyboards differ in how they send an accent, so names are compared in the composed form (NFC, RFC 8265 section
3.4). A name that looks like another by a compatibility character or an invisible one is refused when it is
made. Letters of other alphabets stay what they are.
"""

from __future__ import annotations

import unicodedata


def composed(name: str) -> str:
    """A name as it is compared."""
    return unicodedata.normalize("NFC", name)


def plain(name: str) -> str:
    """A name without what only makes it look like another one; a good name is its own."""
    usual = unicodedata.normalize("NFKC", name)
    return "".join(sign for sign in usual if sign.isprintable()).strip()
