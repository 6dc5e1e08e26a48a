"""The lines of skerry.toml that docs/gateway.md gives for this: `skerry up` runs them, and the mcp SDK signs in."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from skerry.sockets import bind
from tests.conformance.suite import ROOT
from tests.journeys.running import Running, up
from tests.kit import warm
from tests.kit.guarded_gateway import clean_environment
from tests.kit.idp_visit import browser

pytestmark = [pytest.mark.timeout(240)]
PROGRAM = "tests.journeys.oauth.clients.mcp_sdk"
SERVER = """
from fastmcp import FastMCP

server = FastMCP("shop")

@server.tool
def echo(text: str) -> str:
    \"\"\"Says it again.\"\"\"
    return text

server.run(transport="http", host="0.0.0.0", port=8000, stateless_http=True, show_banner=False)
"""


def documented() -> str:
    """The block of the page that is marked for this test."""
    page = (ROOT / "docs" / "gateway.md").read_text(encoding="utf-8")
    found = re.search(r"```toml sign-in\n(.*?)```", page, re.DOTALL)
    assert found is not None
    return found[1]


def signed_in(running: Running, mode: str) -> list[str]:
    """What the SDK's client printed that was told the gateway's URL alone."""
    person = browser("ann", "a good password")
    url = running.facts["gateways"]["tools"]["url"]
    done = warm.run(PROGRAM, url, mode, environment=clean_environment() | person)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout.splitlines()[:2]


@pytest.mark.behaviour("OAUTH-CLIENTS-DECLARED")
def test_twelve_lines_let_any_mcp_client_in_and_follow_the_port_of_the_stack(tmp_path: Path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "main.py").write_text(SERVER)
    lines = documented()
    assert len([line for line in lines.splitlines() if line.strip()]) <= 12
    (tmp_path / "skerry.toml").write_text(lines)
    with up(tmp_path) as running:
        before = running.facts["gateways"]["tools"]["url"]
        assert signed_in(running, "2026-07-28") == ["first", "second"]
    port = urlsplit(before).port
    assert port
    with bind("127.0.0.1", port), up(tmp_path) as running:
        assert running.facts["gateways"]["tools"]["url"] != before
        assert signed_in(running, "legacy") == ["first", "second"]
