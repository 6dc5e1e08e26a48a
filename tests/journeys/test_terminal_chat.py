"""A person at a terminal, over the whole road: `skerry chat` in a pseudo-terminal, the bundled desk behind it."""

from __future__ import annotations

import re
import sys
import uuid
from pathlib import Path

import pytest

from tests.journeys.running import Running
from tests.kit.terminal import Terminal, environment

pytestmark = [
    pytest.mark.xdist_group("desk"),
    pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal is needed"),
]


def chat(desk: Running, home: Path, *arguments: str) -> Terminal:
    command = [sys.executable, "-m", "skerry", "chat", "--state", str(desk.state), *arguments]
    terminal = Terminal(command, environment(home), width=100, height=60)
    terminal.ready()
    return terminal


def test_a_morning_at_the_desk(desk: Running, tmp_path: Path):
    session, mail = str(uuid.uuid4()), f"{uuid.uuid4().hex[:8]}@example.com"
    page = tmp_path / "morning.md"
    with chat(desk, tmp_path, "--session", session) as terminal:
        terminal.ask("What is the email for account 12345?")
        assert "accounts___get_email · " in terminal.screen.text()
        assert "@" in terminal.screen.text()

        for typed in ("n", "y"):
            terminal.type(f"Change the email for account 67890 to {mail}\r")
            terminal.wait_for("[y/N]")
            assert f'"new_email": "{mail}"' in terminal.screen.text()
            terminal.ask(typed)
            terminal.ask("What is the email for account 67890?")
            answer = terminal.screen.text().rpartition("What is the email for account 67890?")[2]
            assert (mail in answer) is (typed == "y"), answer

        terminal.ask("/tools")
        assert "accounts___change_email" in terminal.screen.text()
        terminal.type("/call accounts___get_e\t")
        terminal.wait_shown("/call accounts___get_email")
        terminal.ask(' {"account_id": "12345"}')
        assert terminal.screen.text().count("accounts___get_email · ") >= 4

        terminal.ask("Show me a chart")
        assert "▀" in terminal.screen.text()

        terminal.ask("/conversations")
        assert re.search(rf"{session[:8]}", terminal.screen.text())
        terminal.ask("/whoami")
        assert "arn:aws:iam::" in terminal.screen.text()
        terminal.ask(f"/export {page}")
        terminal.type("/quit\r")
        assert terminal.ended() == 0

    assert page.read_text().count("**You:**") == 7
    assert mail in page.read_text()

    with chat(desk, tmp_path, "--resume", session) as terminal:
        assert "> Show me a chart" in terminal.screen.text()
        assert (
            "What is the email for account 12345?" not in terminal.screen.text()
        )  # only the end is told again
        terminal.ask("What is the email for account 67890?")
        assert mail in terminal.screen.text().rpartition("What is the email")[2]
        terminal.type("\x04")
        assert terminal.ended() == 0
