"""Zips that are the same for the same code, and their limits."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from skerry.deploy.package import archive
from skerry.errors import ConfigurationError


def some(folder: Path) -> dict[str, Path]:
    folder.mkdir()
    found = {}
    for name in ("a/tool.py", "main.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
        found[name] = folder / name
    return found


@pytest.mark.behaviour("DEPLOY-PACKAGE-SAME")
def test_the_same_files_are_the_same_zip_wherever_and_whenever(tmp_path: Path):
    first, second = some(tmp_path / "one"), some(tmp_path / "two")
    os.utime(second["main.py"], (1, 1))
    archive.write(first, tmp_path / "first.zip")
    archive.write(second, tmp_path / "second.zip")
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()
    assert archive.digest(first) == archive.digest(second)
    (tmp_path / "two/main.py").write_text("other")
    assert archive.digest(first) != archive.digest(second)


def test_entries_can_be_read_by_everybody(tmp_path: Path):
    archive.write(some(tmp_path / "one"), tmp_path / "one.zip")
    with zipfile.ZipFile(tmp_path / "one.zip") as opened:
        assert ["a/tool.py", "main.py"] == opened.namelist()
        assert {0o100644} == {one.external_attr >> 16 for one in opened.infolist()}
        assert opened.read("main.py") == b"main.py"


@pytest.mark.behaviour("DEPLOY-PACKAGE-LIMITS")
@pytest.mark.parametrize(
    ("zipped", "size", "said"), [(11_000_000, 1, "11 MB zipped"), (1, 21_000_000, "21 MB unzipped")]
)
def test_a_package_that_is_too_large_names_its_largest_parts(
    tmp_path: Path, zipped: int, size: int, said: str
):
    files = some(tmp_path / "one")
    os.truncate(files["a/tool.py"], size)
    with pytest.raises(ConfigurationError) as error:
        archive.check_size("[runtimes.r]", archive.Limits("AgentCore", 10, 20), zipped=zipped, files=files)
    assert said in error.value.message
    assert "[runtimes.r]" in error.value.message
    assert "a (" in error.value.hint
    limits = {name: (one.zipped, one.unzipped) for name, one in archive.LIMITS.items()}
    assert limits == {"runtime": (250, 750), "function": (250, 250)}
