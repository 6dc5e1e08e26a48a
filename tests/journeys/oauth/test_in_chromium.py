"""Ann at a real browser: it opens the link of the mcp SDK's client, which then has a token and calls a tool."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.conformance.suite import ROOT
from tests.kit.guarded_gateway import PASSWORD, PERSON, System
from tests.kit.web_chat import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.xdist_group("oauth"), pytest.mark.timeout(300)]
PROGRAM = (sys.executable, "-m", "tests.journeys.oauth.clients.mcp_sdk")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.mark.behaviour("OAUTH-CLIENTS-BROWSER")
@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_a_person_signs_in_in_a_browser_and_the_client_calls(system: System, browser: Browser, mode: str):
    url = system.gateways["scoped"]
    with subprocess.Popen(
        [*PROGRAM, url, mode, "--show"],
        cwd=ROOT,
        env=system.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        link = process.stdout.readline().strip()
        try:
            shown = agreed(browser, link)
            out, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    assert out.splitlines()[:2] == ["first", "second"]
    assert "mcp SDK" in shown
    assert url in shown
    assert "tools/use" in shown


def agreed(browser: Browser, link: str) -> str:
    """What the page of the consent says, to which ann agrees; ends on the client's own page."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(link)
    page.get_by_label("Name").fill(PERSON)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Allow mcp SDK?").wait_for()
    said = page.locator("main").inner_text()
    page.get_by_role("button", name="Allow").click()
    page.get_by_text("You can close this page.").wait_for()
    context.close()
    return said
