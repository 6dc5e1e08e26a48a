"""A team's own tests: those of `examples/own_team`, in a pytest of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.running import clean_environment


@pytest.mark.behaviour("TEST-STACK")
@pytest.mark.behaviour("TEST-FIXTURES")
@pytest.mark.behaviour("TEST-CLOCK")
def test_the_tests_of_the_example_pass(tmp_path: Path, examples: Path):
    shutil.copytree(examples / "own_team", tmp_path / "team")
    # The plugin is named because a checkout may not have its entry point yet.
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "skerry.testing.plugin", "-q"],
        cwd=tmp_path / "team",
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
