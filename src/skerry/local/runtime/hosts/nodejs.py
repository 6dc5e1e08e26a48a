"""Node code: which `node` runs it, with what, and where it is read from.

A session is a plain `node main.mjs` with `node_preload.cjs` loaded first. Source: botocore service model
(runtime NODE_22); AWS developer guide, direct code deployment for Node.js.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from skerry.errors import ProgramError
from skerry.processes import start

OLDEST = 22
PRELOAD = Path(__file__).with_name("node_preload.cjs")
_PATIENCE = 10.0
"""Seconds in which a node says its version."""
_VERSION = re.compile(r"v(\d+)\.\d+\.\d+")
_NEXT = (
    f"Install Node {OLDEST} or newer, or name one: `node` of the runtime or of [sessions] in skerry.toml, or "
    "SKERRY_NODE in its environmentVariables."
)


async def find(named: str, environment: Mapping[str, str]) -> str:
    """The path of the node that is `named`, a path or a name on the PATH of `environment`.

    Raises ProgramError when there is none, or it is older than 22.
    """
    if sys.platform == "win32":
        raise ProgramError("Node code is not run on Windows.", hint="Give the runtime a container image.")
    path = _path(named, environment)
    if path is None:
        where = "there is no such program" if "/" in named else "there is none on PATH"
        raise ProgramError(f"this code needs {named!r}, and {where}.", hint=_NEXT)
    said = await _version(path, environment)
    found = _VERSION.fullmatch(said)
    if found is None:
        raise ProgramError(f"{path} is no Node: asked for its version it says {said[:80]!r}.", hint=_NEXT)
    if int(found[1]) < OLDEST:
        raise ProgramError(f"this code needs Node {OLDEST} or newer, and {path} is {said}.", hint=_NEXT)
    return path


def _path(named: str, environment: Mapping[str, str]) -> str | None:
    named = str(Path(named).expanduser()) if "/" in named else named
    found = shutil.which(named, path=environment.get("PATH"))
    return str(Path(found).absolute()) if found else None


async def _version(path: str, environment: Mapping[str, str]) -> str:
    process = await start([path, "--version"], cwd=Path("/"), env={"PATH": environment.get("PATH", "")})
    try:
        async with asyncio.timeout(_PATIENCE):
            await process.wait()
    except TimeoutError:
        return ""
    finally:
        process.signal(force=True)
    return process.output.last()


def command(node: str) -> tuple[str, ...]:
    """What runs an entry file in a session."""
    return (node, "--require", str(PRELOAD))


def read(node: str, folder: Path) -> tuple[str, ...]:
    """What a program is read from beside its folder: Node, the preload, packages of folders above."""
    above = (parent / "node_modules" for parent in folder.parents)
    packages = [str(path) for path in above if path.is_dir()]
    return (str(Path(node).resolve().parent), str(PRELOAD), *packages)
