"""examples/statements: the stack, a person at a terminal and at a browser, and somebody else who gets the link."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import httpx2
import pytest

from skerry.idp.visitor import form
from tests.journeys.running import Running, up
from tests.kit.idp_visit import browser
from tests.kit.terminal import Terminal, environment

CALL = ["call", "bank", "statements___get_statements"]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory, examples: Path) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("bank")
    shutil.copytree(examples / "statements", folder, dirs_exist_ok=True)
    with up(folder, end_within=20) as running:
        yield running


def password(bank: Running, name: str) -> str:
    facts = json.loads((bank.state / "stack.json").read_text())
    return str(facts["realms"]["bank"]["users"][name]["password"])


def visited(link: str, name: str, secret: str, key: str) -> httpx2.Response:
    """The last page that somebody sees who opens the link, signs in and types the key where there is a form."""
    with httpx2.Client(trust_env=False, timeout=30, follow_redirects=True) as http:
        page = http.get(link)
        for typed in ({"username": name, "password": secret}, {"key": key, "decision": "send"}):
            found = form(page.text)
            if not found.action:
                break
            page = http.post(urljoin(str(page.url), found.action), data={**found.fields, **typed})
        return page


@pytest.mark.behaviour("STATEMENTS-JOURNEY")
@pytest.mark.parametrize("era", ["2026-07-28", "legacy"])
def test_ann_types_her_key_in_the_browser_and_the_tool_answers(bank: Running, tmp_path: Path, era: str):
    secret = password(bank, "ann")
    own = environment(tmp_path) | {"SKERRY_STATE": str(bank.state)}
    signed_in = subprocess.run(
        [sys.executable, "-m", "skerry", "login", "bank", "--json"],
        env=own | browser("ann", secret),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert signed_in.returncode == 0, signed_in.stderr
    nothing = {"BROWSER": f"{sys.executable} -c pass %s"}
    with Terminal(
        [sys.executable, "-m", "skerry", *CALL, "--era", era], own | nothing, width=200
    ) as terminal:
        terminal.wait_for("Open it in a browser? [y/N]")
        shown = terminal.screen.text()
        assert "It leads to: 127.0.0.1" in shown
        link = next(line for line in shown.splitlines() if "/pages/" in line).strip()
        other = visited(link, "bob", password(bank, "bob"), "stmt-of-bob-1")
        assert (other.status_code, "somebody else" in other.text) == (403, True)
        terminal.type("y\r")
        terminal.wait_for("Press Enter when you are done there.")
        done = visited(link, "ann", secret, "stmt-of-ann-1")
        assert (done.status_code, "Connected." in done.text) == (200, True)
        terminal.type("\r")
        terminal.wait_for('"month": "2026-01"')
        assert terminal.ended() == 0
    forgotten = subprocess.run(
        [sys.executable, "-m", "skerry", "call", "bank", "statements___disconnect_statements"],
        env=own,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert "Disconnected" in forgotten.stdout, forgotten.stderr
    logs = "".join(path.read_text() for path in (bank.state / "logs").iterdir())
    assert "stmt-of-" not in logs
