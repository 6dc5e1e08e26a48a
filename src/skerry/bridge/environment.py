"""What a program gets of the bridge's environment: what it needs to run, and no secret that nobody named."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

_SECRET_NAME = re.compile(
    r"TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|AUTH|COOKIE|SESSION_?KEY"
    r"|(?:^|_)(?:KEY|KEYS|PAT|PWD_?HASH|DSN|CONNECTION_STRING|JWT)$",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(r"://[^/@\s:]*:[^/@\s]+@")
_FORCED = {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "UTF-8"}


def looks_secret(name: str, value: str) -> bool:
    """Whether a variable looks like a secret: by its name, or because its value is a URL with a password."""
    return bool(_SECRET_NAME.search(name) or _SECRET_VALUE.search(value))


def for_program(
    environment: Mapping[str, str], passed: Collection[str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The program's environment, and the names that were left out.

    `passed` are names to keep whatever they look like. Python programs write UTF-8 at once, not a full
    buffer later: anything else breaks the protocol.
    """
    left_out = tuple(
        sorted(
            name for name, value in environment.items() if name not in passed and looks_secret(name, value)
        )
    )
    kept = {name: value for name, value in environment.items() if name not in left_out}
    return {**kept, **_FORCED}, left_out
