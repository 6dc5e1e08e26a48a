"""English words: those of a sentence or an identifier, and what they have in common.

Pure; for the planes that compare what people say with what tools are called.
"""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[A-Za-z0-9]+(?:'[a-z]+)?")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def table(text: str) -> frozenset[str]:
    """The words of `text` as a set."""
    return frozenset(text.split())


@lru_cache(maxsize=16384)
def stem(word: str) -> str:
    """A word without its plural, participle or final e, so that `changed`, `changes`, `change` are one."""
    if len(word) <= 3 or not word.isalpha():
        return word
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith(("sses", "shes", "ches", "xes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls":
                word = word[:-1]
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def split(name: str) -> list[str]:
    """The lower-case words of an identifier: `new_email`, `newEmail` and `new-email` are two words."""
    return [part.lower() for word in _WORD.findall(name.replace("_", " ")) for part in _CAMEL.split(word)]


def words(text: str) -> list[str]:
    """The lower-case words of a sentence, in order."""
    return [word.lower() for word in _WORD.findall(text.replace("_", " ").replace("\u2019", "'"))]
