"""The soak in small: long enough to kill the stack once or twice under load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.behaviour("STACK-KILLED")
@pytest.mark.timeout(300)
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="reads /proc, as Linux has it")
def test_a_killed_stack_loses_nothing_that_it_acknowledged():
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak", "--minutes", "0.3", "--connections", "8"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 of the stack" not in done.stdout
