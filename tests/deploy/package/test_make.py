"""The packages of a declaration."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from skerry.deploy.package.make import Wanted, make
from skerry.deploy.template.platforms import Platform
from skerry.errors import ConfigurationError
from skerry.stack.declared import declaration
from tests.deploy.kit import draft

TEXT = """
[runtimes]
one = { path = "code" }
two = { path = "code", protocol = "MCP" }

[functions.f]
path = "fn"
handler = "handler.f"
"""
WANTED = Wanted(Platform(), native=False, dependencies=True, environment={})


def packages(folder: Path, text: str, into: str = "packages"):
    import tomllib

    codes = draft(folder, text).codes
    declared = declaration.parse(tomllib.loads(text), file=folder / "skerry.toml")
    said: list[str] = []
    return make(declared, codes, WANTED, folder / into, said.append), said


def test_a_zip_for_each_folder_named_by_its_content(tmp_path: Path):
    found, said = packages(tmp_path, TEXT)
    assert {"FunctionFCode", "RuntimeOneCode", "RuntimeTwoCode"} == {one.code.parameter for one in found}
    files = {one.code.name: one.file for one in found}
    assert files["one"] == files["two"]  # one folder, packed once
    assert len(said) == 2
    assert files["f"].name.startswith("function-f-")
    with zipfile.ZipFile(files["one"]) as opened:
        assert opened.namelist() == ["main.py"]
    again, _ = packages(tmp_path, TEXT, "elsewhere")
    assert [one.file.name for one in found] == [one.file.name for one in again]
    (tmp_path / "code/main.py").write_text("changed")
    changed, _ = packages(tmp_path, TEXT)
    assert {one.file.name for one in changed} - {one.file.name for one in found}


def test_a_program_without_requirements_is_told_what_it_gets(tmp_path: Path):
    found, _ = packages(tmp_path, TEXT)
    assert all("no requirements.txt" in one.notes[0] for one in found)


def test_node_code_comes_with_its_modules(tmp_path: Path):
    folder = tmp_path / "agent"
    folder.mkdir()
    (folder / "package.json").write_text('{"main": "main.js", "dependencies": {"x": "1"}}')
    (folder / "main.js").write_text("")
    text = '[runtimes.r]\npath = "agent"\n'
    with pytest.raises(ConfigurationError) as error:
        packages(tmp_path, text)
    assert "npm install" in error.value.hint
    (folder / "node_modules" / "x").mkdir(parents=True)
    (folder / "node_modules" / "x" / "index.js").write_text("")
    (package,), _ = packages(tmp_path, text)
    with zipfile.ZipFile(package.file) as opened:
        assert opened.namelist() == ["main.js", "node_modules/x/index.js", "package.json"]


def test_a_zip_of_somebody_else_is_taken_as_it_is(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "ready.zip", "w") as opened:
        opened.writestr("main.py", "")
    (package,), _ = packages(tmp_path, '[runtimes.r]\npath = "ready.zip"\n')
    assert package.file.read_bytes() == (tmp_path / "ready.zip").read_bytes()
