"""What a stack is called, and which file it is made of."""

from __future__ import annotations

import re
from pathlib import Path

FILE = "skerry.toml"
_LONGEST = 100
"""Characters of a stack's name that is made of a folder's; CloudFormation takes 128."""


def stack_name(given: str, file: Path | None) -> str:
    """The name of the stack: as given, else that of the file's folder."""
    if given:
        return given
    folder = (file or Path(FILE)).resolve().parent.name
    words = "-".join(re.findall(r"[A-Za-z0-9]+", folder))[:_LONGEST]
    return words if words[:1].isalpha() else f"skerry-{words}".rstrip("-")
