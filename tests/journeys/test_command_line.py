"""What a newcomer is told of a stack in which something does not work, from its start to after its end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.running import clean_environment, up

FILE = """
[realms.home]
clients.machine = { scopes = ["notes/use"], audiences = ["notes", "other"] }

[realms.away]
clients.machine = { scopes = ["notes/use"], audiences = ["notes"] }

[gateways.notes]
authorizer = { realm = "home", audience = ["notes"], scopes = ["notes/use"] }

[gateways.notes.targets]
dead = { url = "http://127.0.0.1:9/mcp" }
"""
REASON = "http://127.0.0.1:9 cannot be reached. Is it running?"


@pytest.mark.behaviour("CLI-FAILED")
@pytest.mark.behaviour("CLI-DOCTOR")
@pytest.mark.behaviour("CLI-STOPPED")
def test_a_stack_with_a_dead_target(tmp_path: Path):
    (tmp_path / "skerry.toml").write_text(FILE)
    with up(tmp_path, environment={"HOME": str(tmp_path), "SKERRY_KEYRING": "0"}) as stack:
        (problem,) = stack.facts["problems"]
        assert (problem["kind"], problem["name"], problem["status"]) == ("target", "notes/dead", "FAILED")
        assert (problem["reason"], problem["failed"]) == (REASON, True)
        shown = stack.skerry("status")
        assert (shown.returncode, REASON in shown.stdout) == (1, True)
        assert "issuer home        LISTENING" in shown.stdout

        for words, told in {
            ("--audience", "other"): "for another audience: other. The server wants notes.",
            ("--realm", "away"): "the token is of the realm 'away'",
        }.items():
            (tmp_path / "token").write_text(stack.skerry("token", *words).stdout)
            found = stack.skerry("doctor", "notes", "--token-file", str(tmp_path / "token"))
            assert (found.returncode, told in found.stdout) == (1, True), found.stdout
        assert stack.skerry("doctor", "notes").returncode == 0

        assert stack.skerry("stop").returncode == 0
        assert stack.process.wait(10) == 1  # because something had failed
        assert stack.skerry("status").returncode == 1
        kept = stack.skerry("hops", "--json")
        assert {json.loads(line)["part"] for line in kept.stdout.splitlines()} >= {"idp", "gateway"}


@pytest.mark.behaviour("CLI-DISK")
def test_state_that_cannot_be_written_is_one_line_and_nothing_is_left_running(tmp_path: Path):
    (tmp_path / "skerry.toml").write_text("[realms.home]\n")
    state = tmp_path / "state"
    (state / "idp.json").mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-m", "skerry", "up", "--port", "0", "--state", str(state)],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "idp.json cannot be used" in done.stderr
    assert "[SKY-104]" in done.stderr
    assert [file.name for file in state.glob("*.json.*")] == []
