"""A skerry.toml as what is deployed of it: declaration, draft and template."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skerry.deploy import files
from skerry.deploy.template import build
from skerry.deploy.template.draft import Draft
from skerry.deploy.template.platforms import ARM, Platform
from skerry.errors import ConfigurationError
from skerry.stack import declaration
from skerry.stack.declaration import Declaration

FILE = "skerry.toml"
_LONGEST = 100
"""Characters of a stack's name that is made of a folder's; CloudFormation takes 128."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a file says, and the sections and the text of its template."""

    declared: Declaration
    draft: Draft
    template: dict[str, Any]


def load(file: Path | None, platform: Platform) -> Deployment:
    """Reads a file; without one `skerry.toml` of this folder. Raises ConfigurationError."""
    found = file or Path(FILE)
    if file is None and not found.is_file():
        raise ConfigurationError(
            f"there is no {FILE} here.",
            hint="Name yours with --file. It says what runs locally and on AWS: docs/stack.md.",
        )
    declared = declaration.load(found)
    if declared.runtimes and platform.architecture != ARM and not platform.here:
        raise ConfigurationError(
            f"--architecture {platform.architecture} is for functions alone: AgentCore runs {ARM}.",
            hint="Leave it out, or declare the functions in a file of their own.",
        )
    draft = build.draft(declared, files.read(declared), platform)
    return Deployment(declared, draft, build.document(draft))


def stack_name(given: str, file: Path | None) -> str:
    """The name of the stack: as given, else that of the file's folder."""
    if given:
        return given
    folder = (file or Path(FILE)).resolve().parent.name
    words = "-".join(re.findall(r"[A-Za-z0-9]+", folder))[:_LONGEST]
    return words if words[:1].isalpha() else f"skerry-{words}".rstrip("-")
