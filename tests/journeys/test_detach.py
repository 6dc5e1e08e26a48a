"""`skerry up --detach` and `skerry status --wait`: a stack that outlives its terminal, or leaves nothing behind."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from skerry.stack.state import State
from tests.journeys.running import clean_environment
from tests.kit.processes import children, wait_gone
from tests.kit.terminal import Terminal

pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")

TALKS = "[services.talks]\ncommand = ['python', 'talks.py']\n"
PROGRAM = """
import http.server, os
with http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), http.server.BaseHTTPRequestHandler) as server:
    print('{"ready": true}', flush=True)
    server.serve_forever()
"""
NEVER = "[services.never]\ncommand = ['python', '-c', 'import time; time.sleep(60)']\n"
DEAD = "[gateways.notes.targets]\ndead = { url = 'http://127.0.0.1:9/mcp' }\n"


class Place:
    """A folder with a skerry.toml, and commands on its state directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.file = folder / "skerry.toml"
        self.log = self.state / "logs" / "up.log"
        self.environment = clean_environment() | {"SKERRY_STATE": str(self.state), "SKERRY_PORT": "0"}

    def words(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "skerry", *words]

    def skerry(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.shell(shlex.join(self.words(*words)))

    def shell(self, line: str) -> subprocess.CompletedProcess[str]:
        """Returns when everybody has closed the command's output, also whoever it left running."""
        return subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @property
    def held(self) -> bool:
        return State(self.state).held()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "talks.py").write_text(PROGRAM)
    (tmp_path / "skerry.toml").write_text(TALKS)
    found = Place(tmp_path)
    yield found
    if found.held:
        found.skerry("stop")


def descriptors(pid: int) -> dict[str, str]:
    """What the standard streams of a process are."""
    return {name: str(Path(f"/proc/{pid}/fd/{name}").readlink()) for name in "012"}


@pytest.mark.behaviour("UP-DETACHED")
@pytest.mark.behaviour("STATUS-WAIT")
@pytest.mark.behaviour("OBS-OTHERS")
def test_a_pipeline_ends_when_the_stack_is_ready_and_the_stack_runs_on_until_it_is_stopped(place: Place):
    place.environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"}
    done = place.shell(f"{shlex.join(place.words('up', '-d', '--json'))} | cat")
    assert (done.returncode, done.stderr) == (0, "")
    facts = json.loads(done.stdout)
    assert facts["spans_to"] == ""
    assert "OTEL_EXPORTER_OTLP_ENDPOINT names port 4317" in facts["warnings"][0]
    everyone = children(facts["pid"])
    assert len(everyone) > 2
    assert "secret_access_key" not in facts

    streams = descriptors(facts["pid"])
    assert (streams["1"], streams["2"]) == (str(place.log), str(place.log))
    assert place.log.read_text().endswith(f"ready at {facts['endpoint']}\n")
    assert place.log.stat().st_mode & 0o077 == 0
    assert os.getsid(facts["pid"]) == facts["pid"]
    assert place.skerry("status", "--wait", "60").returncode == 0

    again = place.skerry("up", "-d")
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert "already runs on the state directory" in again.stderr
    assert f"(process {facts['pid']}, {facts['endpoint']})" in again.stderr
    assert "[SKY-105]" in again.stderr

    assert place.skerry("stop").returncode == 0
    assert wait_gone(everyone, 5) == set()
    assert place.log.read_text().endswith("stopping …\n")


@pytest.mark.behaviour("UP-DETACHED")
@pytest.mark.behaviour("OBS-TOLD")
def test_it_outlives_the_terminal_in_which_progress_and_summary_were_shown(place: Place):
    place.environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://key:secret@127.0.0.1:9"}
    with Terminal(
        place.words("up", "--detach", f"--file={place.file}"), place.environment, width=160
    ) as terminal:
        terminal.wait_for("endpoint           http://127.0.0.1:")
        terminal.wait_for("skerry is up after ")
        terminal.wait_for("services")
        terminal.wait_for("are sent to 127.0.0.1:9\r\n")
        terminal.wait_for("skerry stop --state ")
        assert terminal.ended() == 0
    stack = json.loads((place.state / "stack.json").read_text())
    with Path(f"/proc/{stack['pid']}/stat").open() as file:
        assert file.read().rpartition(")")[2].split()[4] == "0"  # tty_nr, proc(5): no terminal
    assert place.skerry("status").returncode == 0


@pytest.mark.behaviour("UP-DETACHED")
def test_what_failed_is_told_with_exit_code_1_and_with_strict_nothing_runs_on(place: Place):
    place.file.write_text(DEAD)
    done = place.skerry("up", "-d", "--strict")
    assert done.returncode == 1
    assert "FAILED\n  target notes/dead" in done.stdout
    assert not place.held
    done = place.skerry("up", "-d", "--json")
    assert (done.returncode, json.loads(done.stdout)["problems"][0]["failed"]) == (1, True)
    assert place.held


@pytest.mark.behaviour("UP-DETACHED-FAILED")
@pytest.mark.parametrize(
    ("file", "code", "exit_code", "said"),
    [
        ("[runtimes.echo]\npath = 'agnet'\n", "SKY-101", 2, "[runtimes.echo] path names"),
        (
            "[services.breaks]\ncommand = ['python', '-c', 'raise SystemExit(\"no luck\")']\n",
            "SKY-107",
            1,
            "breaks ended with code 1 before it was ready: no luck",
        ),
    ],
)
def test_a_start_that_fails_is_told_as_up_tells_it(
    place: Place, file: str, code: str, exit_code: int, said: str
):
    place.file.write_text(file)
    plain, detached = place.skerry("up"), place.skerry("up", "--detach")
    assert (detached.returncode, detached.stdout, detached.stderr) == (exit_code, "", plain.stderr)
    assert said in detached.stderr
    assert not place.held
    assert said in place.log.read_text()
    as_json = json.loads(place.skerry("up", "--detach", "--json").stderr)
    assert as_json["error"]["code"] == code


def wait_until_it_starts(place: Place) -> int:
    """The process of a stack that waits for its service."""
    log = place.state / "logs" / "never.log"
    waiting = threading.Event()
    while not log.exists():  # made when the service has started; nothing else says so from outside
        waiting.wait(0.05)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and str(place.state) in (words := _words(entry)) and "--background" in words:
            return int(entry.name)
    raise AssertionError("there is no stack in the background")


def _words(entry: Path) -> str:
    try:
        return (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


@pytest.mark.behaviour("UP-DETACHED-FAILED")
def test_ctrl_c_while_it_waits_ends_what_was_started(place: Place):
    place.file.write_text(NEVER)
    with Terminal(
        place.words("up", "--detach", f"--file={place.file}"), place.environment, width=160
    ) as terminal:
        everyone = children(wait_until_it_starts(place))
        terminal.wait_for("endpoint ")
        terminal.type("\x03")
        assert terminal.ended() == 130
    assert wait_gone(everyone, 1) == set()
    assert not place.held


@pytest.mark.behaviour("UP-DETACHED-FAILED")
@pytest.mark.parametrize("name", ["SIGKILL", "SIGHUP", "SIGTERM"])
def test_whatever_ends_the_command_that_waits_ends_what_was_started(place: Place, name: str):
    place.file.write_text(NEVER)
    command = subprocess.Popen(place.words("up", "--detach"), cwd=place.folder, env=place.environment)
    everyone = children(wait_until_it_starts(place))
    command.send_signal(getattr(signal, name))
    command.wait(10)
    assert wait_gone(everyone, 10) == set()


@pytest.mark.behaviour("STATUS-WAIT")
def test_nobody_starts_in_time(place: Place):
    done = place.skerry("status", "--wait", "1")
    assert done.returncode == 1
    assert f"no stack was ready on the state directory {place.state} within 1 s." in done.stderr
    assert (done.stderr.count("\n"), "[SKY-106]" in done.stderr) == (1, True)
