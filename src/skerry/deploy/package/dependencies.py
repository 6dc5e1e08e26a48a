"""Dependencies of a Python program, installed for another machine by pip."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

from skerry.deploy.template.platforms import ARM, Platform
from skerry.errors import ConfigurationError, ProgramError

REQUIREMENTS, PROJECT = "requirements.txt", "pyproject.toml"
_PLATFORMS = {ARM: "aarch64", "x86_64": "x86_64"}
_GLIBC = ("manylinux2014_{}", "manylinux_2_17_{}", "manylinux_2_28_{}")
"""What AgentCore's and Lambda's systems take of wheels."""
_SHEBANG = re.compile(rb"^#!.*python[0-9.]*\s*$")
_PLAIN_SHEBANG = b"#!/usr/bin/env python3"
_LONGEST = 600
"""Characters of pip's words in an error."""


def wanted(folder: Path) -> str:
    """The requirements of a program, as a requirements file has them; empty without any.

    `requirements.txt`, else the `dependencies` of `pyproject.toml`. Raises ConfigurationError for one that
    cannot be read.
    """
    file = folder / REQUIREMENTS
    if file.is_file():
        return file.read_text(encoding="utf-8")
    project = folder / PROJECT
    if not project.is_file():
        return ""
    try:
        data = tomllib.loads(project.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{project} is not valid TOML: {error}.") from error
    found = data.get("project", {}).get("dependencies", [])
    return "".join(f"{line}\n" for line in found if isinstance(line, str))


def install(
    folder: Path, into: Path, platform: Platform, *, native: bool, environment: Mapping[str, str]
) -> None:
    """Installs what `folder` wants into the folder `into`; `native` takes what fits this machine.

    Only wheels: nothing is built, which would be for this machine. Raises ProgramError with pip's reason.
    """
    text = wanted(folder)
    into.mkdir(parents=True, exist_ok=True)
    if not text.strip():
        return
    file = into.parent / f"{into.name}.txt"
    named = folder / REQUIREMENTS
    if not named.is_file():
        file.write_text(text, encoding="utf-8")
        named = file
    command = [sys.executable, "-m", "pip", "install", "--requirement", str(named), "--target", str(into)]
    command += ["--no-compile", "--no-input", "--disable-pip-version-check", "--quiet"]
    if not native:
        command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", platform.python]
        machine = _PLATFORMS[platform.architecture]
        for one in _GLIBC:
            command += ["--platform", one.format(machine)]
    done = subprocess.run(  # noqa: S603  (our own interpreter, and a file that the user names)
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ProgramError(
            f"the dependencies of {folder} cannot be installed: {_reason(done.stderr)}",
            hint=f"Each needs a wheel for Linux, {platform.architecture}. Code alone: --no-dependencies.",
        )
    _tidy(into)


def _reason(said: str) -> str:
    lines = [line.removeprefix("ERROR: ").strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ").strip() for line in said.splitlines() if line.startswith("ERROR:")]
    text = " ".join(errors or lines[-3:]) or "pip ended without a word."
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _tidy(folder: Path) -> None:
    """Takes out what names this machine: the interpreter in scripts, and the digests of these in RECORD."""
    scripts = folder / "bin"
    for script in sorted(scripts.iterdir()) if scripts.is_dir() else ():
        first, newline, rest = script.read_bytes().partition(b"\n")
        if _SHEBANG.match(first):
            script.write_bytes(_PLAIN_SHEBANG + newline + rest)
    for record in folder.glob("*.dist-info/RECORD"):
        lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith(("../../bin/", "bin/"))]
        record.write_text("".join(kept), encoding="utf-8")
    for source in folder.glob("*.dist-info/direct_url.json"):  # where a local wheel was
        source.unlink()
