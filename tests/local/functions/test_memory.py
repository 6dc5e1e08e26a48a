"""The most memory of a process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from skerry.local.functions.memory import PeakMemory

PROGRAM = "import sys; held = bytearray(64 << 20); del held; print(flush=True); sys.stdin.read()"


@pytest.mark.behaviour("LL-REPORT")
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
def test_memory_that_was_given_back_counts_until_the_process_ends() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        memory = PeakMemory(process.pid)
        assert process.stdout is not None
        process.stdout.readline()
        found = memory.megabytes()
        assert found is not None
        assert 64 <= found < 512
        process.kill()
        process.wait()
        assert memory.megabytes() is None
    memory.close()
    memory.close()
    assert memory.megabytes() is None


@pytest.mark.behaviour("LL-REPORT")
def test_where_nothing_is_told_nothing_is_known() -> None:
    assert PeakMemory(0).megabytes() is None
