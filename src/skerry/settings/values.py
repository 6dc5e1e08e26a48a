"""What several settings read the same way: the region, switches, lists of words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

DEFAULT_ACCOUNT = "123456789012"
DEFAULT_REGION = "us-east-1"
DEFAULT_STATE = ".skerry"
DEFAULT_PORT = 4700
TOKEN_CLOCK = "SKERRY_TOKEN_CLOCK"  # noqa: S105 - the name of a variable
"""Names the file that moves the clock which tokens end by; set for what a stack starts."""


def region(env: Mapping[str, str]) -> str:
    """AWS_REGION, else AWS_DEFAULT_REGION, else the default region."""
    return env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or DEFAULT_REGION


def token_clock(env: Mapping[str, str]) -> Path | None:
    """The file that moves the clock of tokens, None for the machine's own time."""
    return Path(env[TOKEN_CLOCK]) if env.get(TOKEN_CLOCK) else None


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
