"""Declarations of a few lines, and what their templates hold."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from skerry.deploy import files
from skerry.deploy.template import build
from skerry.deploy.template.draft import Draft
from skerry.deploy.template.platforms import Platform
from skerry.stack.declared import declaration

EVERYTHING = Path(__file__).parent / "everything" / "skerry.toml"
"""A file that uses every table and every key which a template has an answer for."""


def draft(folder: Path, text: str, platform: Platform | None = None) -> Draft:
    """The draft of a skerry.toml with this text in `folder`, which gets the programs `code/` and `fn/`."""
    for name in ("code/main.py", "fn/handler.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        if not (folder / name).exists():
            (folder / name).write_text("")
    declared = declaration.parse(tomllib.loads(text), file=folder / "skerry.toml")
    return build.draft(declared, files.read(declared), platform or Platform())


def template(folder: Path, text: str) -> dict[str, Any]:
    """The template of a skerry.toml with this text."""
    return build.document(draft(folder, text))


def actions(role: dict[str, Any]) -> dict[str, Any]:
    """What a role, or a policy of its own, may do: the resources by action."""
    properties = role["Properties"]
    documents = [one["PolicyDocument"] for one in properties.get("Policies", [])]
    documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
    return {
        action: statement["Resource"]
        for document in documents
        for statement in document["Statement"]
        for action in statement["Action"]
    }
