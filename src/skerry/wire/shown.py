"""Text from the wire made fit to be shown to a person.

What a model, a tool or a server sends may hold escape sequences that move the cursor, change colours or
rewrite what stands above; nothing of that reaches the terminal. What a person is asked to confirm shows
even invisible characters by their code.

Sources: ECMA-48 (control functions); Unicode 16, general categories; Unicode TR 36 (visual spoofing).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable

_UNSAFE = ("Cc", "Cf", "Cs", "Zl", "Zp")
_UNSEEN = (*_UNSAFE, "Co", "Cn")
_SECRET = re.compile(r"eyJ[\w.+/=-]*|[\w.+/=~-]{40,}")  # a JWT, or what is as long as a key
_KEPT = "\n\t\u200d"  # the joiner that emoji are made with


def clean(text: str) -> str:
    """The text without control characters but line feed and tab, and without invisible direction marks."""
    return "".join(char for char in text if char in _KEPT or unicodedata.category(char) not in _UNSAFE)


def safe(text: str, limit: int = 300) -> str:
    """What a server or a program said, for an error: one line, bounded, nothing that looks like a secret."""
    line = "".join(char if char.isprintable() else " " for char in text[: 8 * limit])
    shown = " ".join(
        word if word.lstrip("'\"(").startswith("arn:") else _SECRET.sub("…", word) for word in line.split()
    )
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def exact(value: object, *, indent: int | None = 2) -> str:
    """JSON that shows every character: controls, invisible marks and unassigned ones by their code."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return "".join(
        _code(char) if char != "\n" and unicodedata.category(char) in _UNSEEN else char for char in text
    )


def _code(char: str) -> str:
    return "".join(f"\\u{unit:04x}" for unit in _units(ord(char)))


def _units(point: int) -> Iterable[int]:
    if point < 0x10000:
        return (point,)
    high, low = divmod(point - 0x10000, 0x400)
    return (0xD800 + high, 0xDC00 + low)
