"""Sign-in with a stranger's OpenID provider, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.kit.asgi_thread import serve
from tests.kit.desk_scripts import SCRIPTS
from tests.kit.scripted_agent import ScriptedAgent, app
from tests.kit.web_chat import chromium, web_chat

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.timeout(900)

LIMIT = 120_000
SECRET = "the-secret-of-the-web-client"


class Desk:
    """The agent, the provider, the page's folder and URL, and a browser."""

    def __init__(self, agent: ScriptedAgent, issuer: str, folder: Path, url: str, browser: Browser) -> None:
        self.agent, self.issuer, self.folder, self.url, self.browser = agent, issuer, folder, url, browser


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    provider = pytest.importorskip("oidc_provider_mock")
    agent = ScriptedAgent(SCRIPTS)
    folder = tmp_path_factory.mktemp("web")
    users = [provider.User(sub=name, claims={"email": f"{name}@example.com"}) for name in ("alice", "bob")]
    with ExitStack() as stack:
        browser = stack.enter_context(chromium())
        server = stack.enter_context(provider.run_server_in_thread(user_claims=users, require_nonce=True))
        issuer = f"http://localhost:{server.server_port}"
        service = stack.enter_context(serve(app(agent)))
        env = {
            "SKERRY_WEB_ISSUER": issuer,
            "SKERRY_WEB_CLIENT_ID": "web",
            "SKERRY_WEB_CLIENT_SECRET": SECRET,
        }
        page = stack.enter_context(web_chat(folder, "--url", service, env=env))
        yield Desk(agent, issuer, folder, page.url, browser)


@pytest.fixture
def visitors(desk: Desk) -> Iterator[list[BrowserContext]]:
    made = [desk.browser.new_context() for _ in range(2)]
    yield made
    for each in made:
        each.close()


def opened(desk: Desk, visitor: BrowserContext, path: str = "/") -> Page:
    page = visitor.new_page()
    page.set_default_timeout(LIMIT)
    page.goto(desk.url + path)
    return page


def sign_in(page: Page, name: str) -> None:
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name=name, exact=True).click()
    page.get_by_text(f"{name}@example.com").wait_for()


def ask(page: Page, text: str) -> None:
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill(text)
    box.press("Enter")


@pytest.mark.behaviour("WEB-SIGNIN")
def test_everybody_signs_in_and_has_their_own_conversations(desk: Desk, visitors: list[BrowserContext]):
    alice = opened(desk, visitors[0])
    alice.get_by_role("button", name="Sign in").wait_for()
    assert alice.get_by_test_id("stChatInputTextArea").count() == 0
    assert desk.agent.prompts == []
    sign_in(alice, "alice")
    ask(alice, "hello from alice")
    alice.get_by_text("Hello! I look after").wait_for()
    (talk,) = desk.agent.talks.values()
    who = httpx2.get(
        f"{desk.issuer}/userinfo",
        headers={"Authorization": f"Bearer {talk.owner}"},
        timeout=60,
        trust_env=False,
    )
    assert who.json()["sub"] == "alice"
    alice.wait_for_url(re.compile(talk.id))

    bob = opened(desk, visitors[1], f"/?conversation={talk.id}")
    sign_in(bob, "bob")
    bob.goto(f"{desk.url}/?conversation={talk.id}")
    bob.get_by_test_id("stAlert").get_by_text("NOT_FOUND").wait_for()
    assert bob.get_by_text("hello from alice").count() == 0

    alice.reload()
    alice.get_by_text("Hello! I look after").wait_for()
    alice.get_by_role("button", name="Sign out").click()
    alice.wait_for_url(re.compile(re.escape(desk.issuer)))
    alice.goto(desk.url)
    alice.get_by_role("button", name="Sign in").wait_for()
    assert alice.get_by_text("hello from alice").count() == 0


@pytest.mark.behaviour("WEB-SIGNIN")
def test_no_secret_is_written_to_a_file_or_an_address(desk: Desk, visitors: list[BrowserContext]):
    page = opened(desk, visitors[0])
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    sign_in(page, "alice")
    held = {
        cookie["name"]: cookie for cookie in visitors[0].cookies() if "streamlit_user" in str(cookie["name"])
    }
    assert held
    assert all(cookie["httpOnly"] for cookie in held.values())
    assert not any(SECRET in url for url in asked)
    files = [path for path in desk.folder.rglob("*") if path.is_file()]
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
