"""Dependencies, installed by the real pip from wheels of this test alone."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from skerry.deploy.package import dependencies
from skerry.deploy.template.platforms import Platform
from skerry.errors import ConfigurationError, ProgramError

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n"


def wheel(folder: Path, name: str, tag: str) -> None:
    """A wheel with one module and one script."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-{tag}.whl", "w") as opened:
        opened.writestr(f"{name}.py", f"WHO = {tag!r}\n")
        opened.writestr(f"{info}/METADATA", METADATA.format(name=name))
        opened.writestr(f"{info}/WHEEL", WHEEL.format(tag=tag))
        opened.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{name}-run = {name}:main\n")
        opened.writestr(f"{info}/RECORD", "")


@pytest.fixture
def offline(tmp_path: Path) -> dict[str, str]:
    """pip's environment: no index, only the wheels of this test."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "wheels"),
        "PIP_CONFIG_FILE": os.devnull,
    }


@pytest.mark.behaviour("DEPLOY-PACKAGE-ARM")
@pytest.mark.parametrize(
    ("architecture", "tag"),
    [("arm64", "cp313-cp313-manylinux_2_28_aarch64"), ("x86_64", "cp313-cp313-manylinux2014_x86_64")],
)
def test_wheels_are_those_of_the_other_machine(
    tmp_path: Path, offline: dict[str, str], architecture: str, tag: str
):
    wheel(tmp_path / "wheels", "fast", "cp313-cp313-manylinux_2_28_aarch64")
    wheel(tmp_path / "wheels", "fast", "cp313-cp313-manylinux2014_x86_64")
    code = tmp_path / "code"
    code.mkdir()
    (code / "requirements.txt").write_text("fast\n")
    into = tmp_path / "into"
    dependencies.install(code, into, Platform("3.13", architecture), native=False, environment=offline)
    assert (into / "fast.py").read_text() == f"WHO = {tag!r}\n"
    script = (into / "bin" / "fast-run").read_bytes()
    assert script.startswith(b"#!/usr/bin/env python3\n")
    record = (into / "fast-1.0.dist-info" / "RECORD").read_text()
    assert "bin/" not in record
    assert "fast.py" in record
    assert not list(into.rglob("__pycache__"))


def test_a_project_file_names_them_too(tmp_path: Path, offline: dict[str, str]):
    wheel(tmp_path / "wheels", "pure", "py3-none-any")
    code = tmp_path / "code"
    code.mkdir()
    (code / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["pure==1.0"]\n')
    dependencies.install(code, tmp_path / "into", Platform(), native=True, environment=offline)
    assert (tmp_path / "into" / "pure.py").is_file()
    (code / "pyproject.toml").write_text("[project\n")
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        dependencies.wanted(code)


def test_what_has_no_wheel_is_named(tmp_path: Path, offline: dict[str, str]):
    code = tmp_path / "code"
    code.mkdir()
    (code / "requirements.txt").write_text("absent==2.0\n")
    with pytest.raises(ProgramError) as error:
        dependencies.install(code, tmp_path / "into", Platform(), native=False, environment=offline)
    assert "absent==2.0" in error.value.message
    assert "--no-dependencies" in error.value.hint


def test_nothing_wanted_starts_nothing(tmp_path: Path):
    dependencies.install(tmp_path, tmp_path / "into", Platform(), native=False, environment={})
    assert list((tmp_path / "into").iterdir()) == []
