"""The chat of the base install: every command, no package of an extra."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.desk_agent import Turn, desk_agent
from tests.kit.runtime import call, form, question, text
from tests.kit.terminal import Terminal, environment
from tests.test_base_install import BLOCKER, allowed

__all__ = ["allowed"]  # the fixture


@pytest.mark.behaviour("CHAT-BASE")
@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal is needed")
def test_a_plain_terminal_has_the_same_commands(allowed: list[str], tmp_path: Path):
    asks = Turn(interrupts=(question("q", "wipe", bucket="logs"), form("f", "order", "Which?")))
    turns = (
        Turn((*call("look", "{}", {"type": "text", "text": "seen"}), *text("Looked."))),
        asks,
        Turn(text("Done.")),
    )
    with desk_agent(*turns) as agent:
        agent.tools = [{"name": "look", "description": "Looks."}]
        arguments = ["chat", "--state", str(agent.stack(tmp_path / "state"))]
        program = f"ALLOWED = {json.dumps(allowed)}\nARGUMENTS = {json.dumps(arguments)}\n{BLOCKER}"
        with Terminal([sys.executable, "-c", program], environment(tmp_path)) as terminal:
            terminal.wait_for("/help")
            terminal.type("look\r")
            terminal.wait_for("Looked.")
            for command, shown in (
                ("/tools", "Looks."),
                ("/raw 1", "seen"),
                ("/conversations", "look"),
                ("/context", "agent_name"),
                ("/agent", "now: ops"),
                ("/export page.pdf", "FILE.json or FILE.md"),
                ("/help hil", "declined"),
            ):
                terminal.type(f"{command}\r")
                terminal.wait_for(command)
                terminal.wait_for(shown)
            terminal.type("do both\r")
            for waited, typed in (("[y/N]", "y"), ("count:", ""), ("size:", "s"), ("Send it?", "y")):
                terminal.wait_for(waited)
                if waited.endswith(":"):
                    terminal.wait_for(waited)  # first it is described, then asked
                terminal.type(f"{typed}\r")
            terminal.wait_for("Done.")
            terminal.type("/quit\r")
            assert terminal.ended() == 0
    answers = [entry["payload"] for entry in agent.said("resume")[0]["resume"]]
    assert answers == [{"approved": True}, {"approved": True, "content": {"count": 2, "size": "s"}}]


@pytest.mark.behaviour("CHAT-BASE")
def test_a_script_needs_no_extra(allowed: list[str], tmp_path: Path):
    with desk_agent(Turn(text("Hello."))) as agent:
        arguments = ["chat", "--state", str(agent.stack(tmp_path / "state")), "--once", "hi", "--json"]
        program = f"ALLOWED = {json.dumps(allowed)}\nARGUMENTS = {json.dumps(arguments)}\n{BLOCKER}"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["type"] == "RUN_FINISHED"
