"""The packages of a declaration."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from skerry.deploy.package import archive, dependencies, files
from skerry.deploy.template.draft import Code
from skerry.deploy.template.platforms import Platform
from skerry.errors import ConfigurationError
from skerry.stack.declared.declaration import Declaration

_DIGITS = 16
"""Of a package's digest in its name."""


@dataclass(frozen=True, slots=True)
class Package:
    """A zip: what it is the code of, its sizes in bytes, and what somebody should know of it."""

    code: Code
    file: Path
    zipped: int
    unzipped: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """How packages are made: for which platform, with dependencies or without, and pip's environment."""

    platform: Platform
    native: bool
    dependencies: bool
    environment: Mapping[str, str]


def make(
    declared: Declaration, codes: list[Code], wanted: Wanted, into: Path, progress: Callable[[str], None]
) -> list[Package]:
    """Writes a zip for each of `codes`; folders that several have are packed once.

    Raises ConfigurationError and ProgramError, which name the table.
    """
    into.mkdir(parents=True, exist_ok=True)
    done: dict[tuple[str, Path, bool], tuple[Path, int, int, tuple[str, ...]]] = {}
    found = []
    for code in codes:
        path, python = _of(declared, code)
        key = (code.kind, path, python)
        if key not in done:
            progress(f"packaging {code.kind} {code.name} …")
            done[key] = _zip(code, path, wanted, into, python=python)
        file, zipped, unzipped, notes = done[key]
        found.append(Package(code, file, zipped, unzipped, notes))
    return found


def _of(declared: Declaration, code: Code) -> tuple[Path, bool]:
    """Where the code is, and whether it is Python."""
    if code.kind == "function":
        return declared.functions[code.name].path, True
    runtime = declared.runtimes[code.name]
    return runtime.path, runtime.language == "PYTHON"


def _zip(
    code: Code, path: Path, wanted: Wanted, into: Path, *, python: bool
) -> tuple[Path, int, int, tuple[str, ...]]:
    what, limits = f"[{code.kind}s.{code.name}]", archive.LIMITS[code.kind]
    if path.is_file():
        return _ready_made(code, path, into, what)
    if not path.is_dir():
        raise ConfigurationError(f"{what} path names {path}, which is no folder.")
    with _contents(path, wanted, into, python=python) as inside:
        notes = _notes(path, wanted, python=python)
        target = into / f"{code.kind}-{code.name}-{archive.digest(inside)[:_DIGITS]}.zip"
        archive.check_size(what, limits, zipped=0, files=inside)  # before it is packed for nothing
        if not target.is_file():
            archive.write(inside, target)
        zipped = target.stat().st_size
        return target, zipped, archive.check_size(what, limits, zipped=zipped, files=inside), notes


@contextmanager
def _contents(path: Path, wanted: Wanted, into: Path, *, python: bool) -> Iterator[dict[str, Path]]:
    """The files of a package, while they are there."""
    own = files.listed(path, python=python, apart=into.resolve())
    if not (python and wanted.dependencies):
        yield own
        return
    with TemporaryDirectory(prefix="skerry-deploy-") as folder:
        installed = Path(folder) / "installed"
        dependencies.install(
            path, installed, wanted.platform, native=wanted.native, environment=wanted.environment
        )
        yield files.merged(files.listed(installed, python=False), own)


def _ready_made(code: Code, path: Path, into: Path, what: str) -> tuple[Path, int, int, tuple[str, ...]]:
    """A zip that somebody else has made is taken as it is."""
    content = {path.name: path}
    target = into / f"{code.kind}-{code.name}-{archive.digest(content)[:_DIGITS]}.zip"
    if not target.is_file():
        target.write_bytes(path.read_bytes())
    size = path.stat().st_size
    archive.check_size(what, archive.LIMITS[code.kind], zipped=size, files={})
    return target, size, 0, ()


def _notes(path: Path, wanted: Wanted, *, python: bool) -> tuple[str, ...]:
    if python and wanted.dependencies and not dependencies.wanted(path).strip():
        return (f"no {dependencies.REQUIREMENTS} in {path.name}: it gets only its own files",)
    if not python and _needs_modules(path) and not (path / "node_modules").is_dir():
        raise ConfigurationError(
            f"{path} has a package.json with dependencies and no node_modules.",
            hint=f"Run: npm install --omit=dev --prefix {path}",
        )
    return ()


def _needs_modules(path: Path) -> bool:
    try:
        data = json.loads((path / "package.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(data, dict) and bool(data.get("dependencies"))
