"""A skerry.toml as what is deployed of it: declaration, draft and template."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skerry.deploy import files
from skerry.deploy.naming import FILE
from skerry.deploy.template import build
from skerry.deploy.template.draft import Draft
from skerry.deploy.template.platforms import ARM, Platform
from skerry.errors import ConfigurationError
from skerry.stack.declared import declaration
from skerry.stack.declared.declaration import Declaration


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
