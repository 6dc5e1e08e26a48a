"""The program of a `[runtimes.NAME]` table: a folder, a zip or a single file, in Python or for Node."""

from __future__ import annotations

import json
from pathlib import Path

from skerry.local.runtime.record import LANGUAGES
from skerry.stack.declared.table import Table

_DEFAULT = "main.py"
_MANIFEST, _MAIN = "package.json", "index.js"


def read(part: Table) -> tuple[Path, tuple[str, ...], str]:
    """Where the code is, its entry point, and its language as AWS begins the name of a runtime with it.

    Without `entry_point` that is `main.py`, or what the `package.json` of a Node package says. Raises
    ConfigurationError for what is not there, and for an interpreter of the other language.
    """
    path = part.path(part.text("path"))
    given = part.text_or_texts("entry_point", ())
    if not path.exists():
        raise part.problem("path", f"names {path}, which does not exist")
    if path.is_file() and _language(path.name):
        if given:
            raise part.problem("entry_point", f"is not needed: the path names the file {path.name} already")
        path, given = path.parent, (path.name,)
    entry = given or (_found(path),)
    if path.is_dir() and not (path / entry[-1]).is_file():
        raise part.problem("entry_point", f"names {entry[-1]}, which is not in {path}")
    language = _language(entry[-1]) or "PYTHON"
    for other in LANGUAGES:
        if other != language and part.has(other.lower()):
            raise part.problem(
                other.lower(), f"runs no {language.capitalize()} code, and {entry[-1]} is that"
            )
    return path, entry, language


def node(part: Table) -> str:
    """The key `node`: a name on PATH, or a path of the file's."""
    named = part.text("node", "")
    return str(part.path(named)) if "/" in named else named


def _language(name: str) -> str:
    """What a file is written in; nothing for any other file."""
    return next((one for one, suffixes in LANGUAGES.items() if Path(name).suffix in suffixes), "")


def _found(folder: Path) -> str:
    """The entry point of a folder that names none: `main.py`, or the `main` of its Node package."""
    manifest = folder / _MANIFEST
    if not folder.is_dir() or (folder / _DEFAULT).is_file() or not manifest.is_file():
        return _DEFAULT
    try:
        data = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return _MAIN
    main = data.get("main") if isinstance(data, dict) else None
    return main if isinstance(main, str) and main else _MAIN
