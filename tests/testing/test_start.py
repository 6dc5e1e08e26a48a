"""A stack for as long as a block runs: when it does not start, and that nothing is left of it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from skerry.errors import AlreadyRunningError, ConfigurationError, ProgramError, RemoteError
from skerry.testing import Stack, running
from skerry.testing.program import surroundings, up
from skerry.testing.start import live
from tests.kit.processes import ended, is_running
from tests.testing.conftest import team

LINUX = pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")


@pytest.mark.behaviour("TEST-WRONG-FILE")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[gateway.tools]", "did you mean 'gateways'"),
        ("= 1", "is not valid TOML"),
        (None, "cannot be read.*Name another"),
    ],
)
def test_a_wrong_file_is_told_at_once(tmp_path: Path, text: str | None, told: str):
    file = tmp_path / "skerry.toml"
    if text is not None:
        file.write_text(text)
    with (
        pytest.raises(ConfigurationError, match=f"(?s){file}.*{told}") as caught,
        running(file, state=tmp_path / "state"),
    ):
        pytest.fail("it runs")
    assert not (tmp_path / "state").exists()  # told before anything was made or started
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.behaviour("TEST-NOT-READY")
def test_a_target_that_fails_is_named_with_its_reason(tmp_path: Path):
    file = tmp_path / "skerry.toml"
    file.write_text('[gateways.tools.targets]\ngone = { url = "http://127.0.0.1:9/mcp" }\n')
    with pytest.raises(ProgramError, match=r"target tools/gone FAILED: \w+.*Mend it"), running(file):
        pytest.fail("it runs")
    with running(file, strict=False) as stack:
        assert [one["name"] for one in stack.facts["problems"]] == ["tools/gone"]


@pytest.mark.behaviour("TEST-NOT-READY")
def test_a_service_that_ends_is_told_with_the_end_of_its_log(tmp_path: Path):
    file = tmp_path / "skerry.toml"
    file.write_text("""services.api.command = ["python", "-c", "raise SystemExit('no database')"]\n""")
    with pytest.raises((ProgramError, RemoteError), match="api") as caught, running(file):
        pytest.fail("it runs")
    assert any("no database" in note for note in caught.value.__notes__)


@pytest.mark.behaviour("TEST-NOT-READY")
def test_a_stack_that_takes_too_long_is_ended_and_the_next_move_told(tmp_path: Path):
    file = team(tmp_path)
    late = pytest.raises(ProgramError, match=r"not ready after 0\.01 s\. Give it longer")
    with late, running(file, timeout=0.01):
        pytest.fail("it runs")


@LINUX
@pytest.mark.behaviour("TEST-GONE")
def test_a_test_that_fails_leaves_nothing(tmp_path: Path):
    found: list[Stack] = []

    def fail() -> None:
        with running(team(tmp_path)) as stack:
            found.append(stack)
            assert live()[-1][0] is stack
            raise RuntimeError("the test fails")

    with pytest.raises(RuntimeError, match="the test fails"):
        fail()
    (stack,) = found
    assert not is_running(stack.facts["pid"])
    assert not stack.state.exists()
    assert stack not in [one for one, _ in live()]


@LINUX
@pytest.mark.behaviour("TEST-GONE")
def test_a_stack_that_does_not_end_is_killed(tmp_path: Path):
    options = ("--file", str(team(tmp_path)))
    started = up(options, surroundings(os.environ, {}), state=tmp_path / "state", timeout=90, grace=0.1)
    with started as facts:
        os.kill(facts["pid"], signal.SIGSTOP)
    assert not is_running(facts["pid"])


OUTLIVED = """
import sys
from skerry.testing import running
with running(sys.argv[1], state=sys.argv[2]) as stack:
    print(stack.facts["pid"], flush=True)
    sys.stdin.read()
"""


@LINUX
@pytest.mark.behaviour("TEST-GONE")
@pytest.mark.behaviour("CLI-WATCH-STDIN")
async def test_a_stack_ends_with_tests_that_are_killed(tmp_path: Path):
    file = team(tmp_path)
    tests = subprocess.Popen(
        [sys.executable, "-c", OUTLIVED, str(file), str(tmp_path / "state")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with tests:
        assert tests.stdout is not None
        pid = int(tests.stdout.readline())
        tests.send_signal(signal.SIGKILL)
    assert await ended(pid, within=30)
    assert not (tmp_path / "state" / "stack.json").exists()  # it ended in order


@pytest.mark.behaviour("TEST-STACK")
async def test_an_asynchronous_test_uses_it_alike(stack: Stack):
    """Neither a loop that runs nor a thread without one is in its way."""
    assert stack.hops(limit=1) == await asyncio.to_thread(stack.hops, limit=1)
    with pytest.raises(AlreadyRunningError, match="already runs"), running(state=stack.state):
        pytest.fail("it runs")
    os.kill(stack.facts["pid"], 0)  # the other one goes on
