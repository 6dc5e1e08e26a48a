"""Which files go into a package."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from skerry.deploy.package import files
from skerry.errors import ConfigurationError


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


@pytest.mark.behaviour("DEPLOY-PACKAGE-SECRETS")
def test_secrets_repositories_and_caches_stay_here(tmp_path: Path):
    put(tmp_path, "main.py", "sub/tool.py", ".env", ".env.local", ".git/config", ".venv/lib/x.py", "a.pyc")
    put(tmp_path, "__pycache__/main.py", "node_modules/x/index.js", ".aws/credentials", "skerry.toml")
    put(tmp_path, "state/lock", "state/logs/up.log", "state/secrets.json")
    assert list(files.listed(tmp_path, python=True)) == ["main.py", "sub/tool.py"]
    assert list(files.listed(tmp_path, python=False)) == ["main.py", "node_modules/x/index.js", "sub/tool.py"]


def test_a_folder_says_itself_what_to_leave_out(tmp_path: Path):
    put(tmp_path, "main.py", "data/big.csv", "data/small.json", "tests/test_x.py", "notes.md")
    (tmp_path / ".skerryignore").write_text("# not these\n\ntests/\ndata/*.csv\n*.md\n")
    assert list(files.listed(tmp_path, python=True)) == ["data/small.json", "main.py"]


def test_a_folder_apart_does_not_count(tmp_path: Path):
    put(tmp_path, "main.py", "packages/old.zip")
    assert list(files.listed(tmp_path, python=True, apart=tmp_path / "packages")) == ["main.py"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right of their own there")
def test_links_are_followed_inside_of_the_folder_and_refused_outside(tmp_path: Path):
    inside = tmp_path / "inside"
    put(inside, "real/tool.js", "main.mjs")
    put(tmp_path, "secret.txt")
    (inside / "linked").symlink_to("real")
    (inside / "real" / "again").symlink_to(inside)
    assert list(files.listed(inside, python=False)) == ["linked/tool.js", "main.mjs", "real/tool.js"]
    (inside / "out").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(ConfigurationError, match="leads out of"):
        files.listed(inside, python=False)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_everybody_may_read(tmp_path: Path):
    put(tmp_path, "main.py", "run.sh")
    (tmp_path / "main.py").chmod(0o600)
    (tmp_path / "run.sh").chmod(0o700)
    assert [0o644, 0o755] == [files.mode(tmp_path / name) for name in ("main.py", "run.sh")]
