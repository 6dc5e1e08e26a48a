"""Which files of a folder go into a package."""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from skerry.errors import ConfigurationError

IGNORE_FILE = ".skerryignore"
NEVER = (
    ".git",
    ".hg",
    ".svn",
    ".venv",
    "venv",
    ".env",
    ".env.*",
    ".aws",
    ".ssh",
    ".netrc",
    ".npmrc",
    ".pypirc",
    "__pycache__",
    "*.py[co]",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".hypothesis",
    ".tox",
    ".nox",
    ".coverage",
    ".idea",
    ".vscode",
    ".DS_Store",
    ".skerry",
    ".skerry-packages",
    "skerry.toml",
    IGNORE_FILE,
)
"""Names that never go along: repositories, environments, caches, and files that hold secrets."""
PYTHON_ONLY = ("node_modules",)
"""What a Python program has no use for."""


def listed(folder: Path, *, python: bool, apart: Path | None = None) -> dict[str, Path]:
    """The files of a folder by their path in the package, sorted. Links are followed inside of the folder.

    `apart` is a folder that does not count, such as that of the packages.

    Raises ConfigurationError for a link that leads out of it.
    """
    root = folder.resolve()
    ignored = (*NEVER, *(PYTHON_ONLY if python else ()))
    own = _own(folder)
    found: dict[str, Path] = {}
    waiting = [(root, PurePosixPath())]
    while waiting:
        place, below = waiting.pop()
        for entry in sorted(os.scandir(place), key=lambda one: one.name):
            name = below / entry.name
            if _matches(entry.name, str(name), ignored, own):
                continue
            path = Path(entry.path)
            if entry.is_symlink():
                path = _inside(path, root)
            if path.is_dir():
                if (
                    path != apart
                    and not _is_state(path)
                    and not (entry.is_symlink() and place.is_relative_to(path))
                ):
                    waiting.append((path, name))
            elif path.is_file():
                found[str(name)] = path
    return dict(sorted(found.items()))


def mode(path: Path) -> int:
    """Permissions in a package: everybody reads, and runs what its owner may run."""
    return 0o755 if path.stat().st_mode & stat.S_IXUSR and os.name == "posix" else 0o644


def merged(*layers: Mapping[str, Path]) -> dict[str, Path]:
    """Files of several folders, sorted; those of a later one win."""
    found: dict[str, Path] = {}
    for layer in layers:
        found.update(layer)
    return dict(sorted(found.items()))


def _own(folder: Path) -> tuple[str, ...]:
    """The lines of `.skerryignore`: patterns of fnmatch, for a name or for a path from the folder."""
    file = folder / IGNORE_FILE
    if not file.is_file():
        return ()
    words = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    return tuple(word.strip("/") for word in words if word and not word.startswith("#"))


def _matches(name: str, path: str, ignored: Sequence[str], own: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in ignored) or any(
        fnmatch.fnmatchcase(one, pattern) for pattern in own for one in _forms(name, path)
    )


def _forms(name: str, path: str) -> Iterator[str]:
    yield name
    yield path


def _inside(link: Path, root: Path) -> Path:
    target = link.resolve()
    if not target.is_relative_to(root):
        raise ConfigurationError(
            f"{link} is a link that leads out of {root}.",
            hint=f"Put a copy there, or name the link in {IGNORE_FILE}.",
        )
    return target


def _is_state(folder: Path) -> bool:
    """Whether this is the state directory of a stack, wherever it is: it holds secrets."""
    return (folder / "lock").is_file() and (folder / "logs").is_dir()
