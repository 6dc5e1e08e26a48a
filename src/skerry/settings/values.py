"""What several settings read the same way: the region, switches, lists of words."""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT_ACCOUNT = "123456789012"
DEFAULT_REGION = "us-east-1"
DEFAULT_STATE = ".skerry"
DEFAULT_PORT = 4700


def region(env: Mapping[str, str]) -> str:
    """AWS_REGION, else AWS_DEFAULT_REGION, else the default region."""
    return env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or DEFAULT_REGION


def switch(text: str) -> bool:
    """Whether a variable switches something on: 1, true, yes, on."""
    return text.strip().lower() in ("1", "true", "yes", "on")


def words(text: str) -> tuple[str, ...]:
    """Words separated by commas or blanks."""
    return tuple(text.replace(",", " ").split())


def table(text: str) -> dict[str, tuple[str, ...]]:
    """Entries `name=word,word` separated by blanks. Raises ValueError for one without name or words."""
    found = {}
    for entry in text.split():
        name, _, listed = entry.partition("=")
        if not name or not (values := words(listed)):
            raise ValueError(f"{entry!r} is not name=word,word")
        found[name] = values
    return found
