"""Reads a declared seed: a TOML file with `[[accounts]]`, such as the bundled `seed.toml`."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from skerry.errors import ConfigurationError
from skerry.servers.accounts.api import address

_TEXTS = ("tenant", "id", "holder", "email", "opened", "since")
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def load(file: Path | None) -> list[dict[str, Any]]:
    """The accounts of a seed file, or of the bundled one. Raises ConfigurationError that names the entry."""
    source = file if file is not None else resources.files(__package__).joinpath("seed.toml")
    try:
        data = tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"the seed {source} cannot be read: {error}.") from error
    entries = data.get("accounts", [])
    if not isinstance(entries, list):
        raise ConfigurationError(f"the seed {source} needs [[accounts]] tables.")
    seen: set[tuple[str, str]] = set()
    for number, entry in enumerate(entries, 1):
        wrong = _problem(entry)
        key = (str(entry.get("tenant")), str(entry.get("id")))
        if not wrong and key in seen:
            wrong = "is there twice"
        if wrong:
            raise ConfigurationError(f"the seed {source}: account {number} {wrong}.")
        seen.add(key)
    return entries


def _problem(entry: dict[str, Any]) -> str:
    for name in _TEXTS:
        if not isinstance(entry.get(name), str) or not entry[name]:
            return f"needs the text '{name}'"
    if not _MONTH.fullmatch(entry["since"]):
        return "has a 'since' that is not YYYY-MM"
    wrong = address.problem(entry["email"])
    if wrong:
        return f"has a wrong 'email': {wrong.rstrip('.')}"
    counts = entry.get("activity")
    if not isinstance(counts, list) or not all(type(count) is int and count >= 0 for count in counts):
        return "needs 'activity', a list of counts"
    return ""
