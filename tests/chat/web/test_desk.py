"""The page on the real desk: `skerry up`, its runtime, its agent and its tools, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.journeys.running import up
from tests.kit.web_chat import chromium, web_chat

pytestmark = pytest.mark.timeout(900)


def test_a_chart_and_a_confirmed_change_on_the_running_stack(tmp_path: Path):
    with chromium() as browser, up(tmp_path) as desk, web_chat(tmp_path, "--state", str(desk.state)) as chat:
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.goto(chat.url)
        box = page.get_by_test_id("stChatInputTextArea")
        page.get_by_placeholder("Ask about your accounts and your cloud").wait_for()
        box.fill("Show me a chart")
        box.press("Enter")
        page.get_by_test_id("stImage").locator("img").wait_for()
        page.get_by_text(re.compile(r"accounts___get_chart · [\d.]+ s")).wait_for()

        page.get_by_placeholder("Ask about your accounts and your cloud").wait_for()
        box.fill("Change the email of account 12345 to someone@example.com")
        box.press("Enter")
        page.get_by_role("button", name="Approve").wait_for()
        assert "someone@example.com" in page.get_by_test_id("stCode").last.inner_text()
        page.get_by_role("button", name="Approve").click()
        said = page.get_by_test_id("stMainBlockContainer").locator("p")
        said.filter(has_text="account 12345 is now").wait_for()
