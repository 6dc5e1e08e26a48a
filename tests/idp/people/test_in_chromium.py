"""The pages in a real browser: keyboard, narrow window, dark and light, the browser's own view of the policies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.kit.asgi_thread import serve
from tests.kit.idp_people import PASSWORDS, Home, people
from tests.kit.web_chat import SCREENSHOTS, chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LIMIT = 30_000
pytestmark = pytest.mark.timeout(300)


class App:
    """A client on loopback: its callback sends the browser on to another local program, as AgentCore's does."""

    def __init__(self, stack: ExitStack) -> None:
        self.came: list[str] = []
        self.framed = ""
        self.end = stack.enter_context(serve(Starlette(routes=[Route("/done", self._done)])))
        self.url = stack.enter_context(
            serve(Starlette(routes=[Route("/callback", self._callback), Route("/frame", self._frame)]))
        )

    async def _callback(self, request: Request) -> Response:
        self.came.append(request.url.query)
        return RedirectResponse(f"{self.end}/done", 303)

    async def _done(self, _request: Request) -> Response:
        return HTMLResponse("<!doctype html><title>Done</title><p>You can close this page.</p>")

    async def _frame(self, _request: Request) -> Response:
        return HTMLResponse(f'<!doctype html><title>Evil</title><iframe src="{self.framed}"></iframe>')


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[Home, App, Browser]]:
    with ExitStack() as stack:
        browser = stack.enter_context(chromium())
        home = stack.enter_context(people())
        yield home, App(stack), browser


def opened(browser: Browser, **options: Any) -> tuple[Page, list[str]]:
    """A page of a browser without cookies, and what its console says."""
    page = browser.new_context(viewport={"width": 320, "height": 640}, **options).new_page()
    page.set_default_timeout(LIMIT)
    console: list[str] = []
    page.on("console", lambda message: console.append(message.text))
    page.on("pageerror", lambda error: console.append(str(error)))
    return page, console


def fits(page: Page) -> bool:
    """Whether nothing has to be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def type_sign_in(page: Page, password: str) -> None:
    """What somebody does who has no mouse: the name has the focus already."""
    page.keyboard.press("Control+A")
    page.keyboard.type("ann")
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


@pytest.mark.behaviour("IDP-BROWSER")
def test_a_person_signs_in_and_consents_by_keyboard_in_a_narrow_window(stage):
    home, app, browser = stage
    page, console = opened(browser)
    url = home.url("local", prompt="consent", redirect_uri=f"{app.url}/callback", state="s")
    page.goto(url)
    assert fits(page)
    type_sign_in(page, "wrong")
    alert = page.get_by_role("alert")
    assert alert.inner_text() == "Name or password is wrong."
    assert page.title() == "Error: sign in"
    assert page.get_by_label("Name").input_value() == "ann"
    assert fits(page)
    alert.get_by_role("link").press("Enter")
    assert page.evaluate("document.activeElement.id") == "username"
    type_sign_in(page, PASSWORDS["ann"])
    page.get_by_role("heading", name="Allow Local App?").wait_for()
    assert fits(page)
    for name in ("Not you? Sign out", "Allow", "Refuse"):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.innerText") == name
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.get_by_text("You can close this page.").wait_for()
    back = dict(parse_qsl(app.came[-1]))
    assert (back["state"], back["iss"]) == ("s", home.issuer())
    answer = home.redeem(back["code"], "local", redirect_uri=f"{app.url}/callback")
    assert answer.status_code == 200
    assert page.url == f"{app.end}/done"
    failed = [
        line for line in console if "Failed to load resource" not in line
    ]  # the 403 of the wrong password
    assert failed == []


@pytest.mark.behaviour("IDP-BROWSER")
def test_refusing_and_signing_out_by_hand(stage):
    home, app, browser = stage
    page, console = opened(browser)
    page.goto(home.url("local", prompt="consent", redirect_uri=f"{app.url}/callback"))
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill(PASSWORDS["ann"])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Refuse").click()
    page.get_by_text("You can close this page.").wait_for()
    assert dict(parse_qsl(app.came[-1]))["error"] == "access_denied"
    page.goto(f"{home.issuer()}/oauth2/sign-out")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_text("You are signed out.").wait_for()
    page.goto(home.url("local", prompt="consent", redirect_uri=f"{app.url}/callback"))
    page.get_by_label("Password").wait_for()
    assert console == []


@pytest.mark.behaviour("IDP-BROWSER")
def test_no_page_can_be_put_into_a_frame(stage):
    home, app, browser = stage
    page, console = opened(browser)
    app.framed = home.url("local", prompt="consent", redirect_uri=f"{app.url}/callback")
    page.goto(f"{app.url}/frame", wait_until="load")
    (inner,) = page.frames[1:]
    assert inner.url == "chrome-error://chromewebdata/"
    assert any("frame-ancestors" in line for line in console), console


@pytest.mark.behaviour("IDP-BROWSER")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_contrast(stage, scheme):
    home, app, browser = stage
    page, _ = opened(browser, color_scheme=scheme)
    page.goto(home.url("local", prompt="consent", redirect_uri=f"{app.url}/callback"))
    type_sign_in(page, "wrong")
    page.get_by_role("alert").wait_for()
    seen = colours(page)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"idp-sign-in-{scheme}.png")
    page.get_by_label("Name").focus()
    type_sign_in(page, PASSWORDS["ann"])
    page.get_by_role("heading", name="Allow Local App?").wait_for()
    seen |= colours(page)
    page.screenshot(path=SCREENSHOTS / f"idp-consent-{scheme}.png", full_page=True)
    poor = {pair: ratio(*pair) for pair in seen if ratio(*pair) < 4.5}
    assert len(seen) >= 5
    assert poor == {}


COLOURS = """[...document.querySelectorAll('main *')].filter(e => [...e.childNodes].some(
    n => n.nodeType === 3 && n.textContent.trim())).map(e => {
        let back = e;
        while (getComputedStyle(back).backgroundColor === 'rgba(0, 0, 0, 0)') back = back.parentElement;
        return [getComputedStyle(e).color, getComputedStyle(back).backgroundColor];
    })"""


def colours(page: Page) -> set[tuple[str, str]]:
    """Every colour of text with what is behind it."""
    return {(front, back) for front, back in page.evaluate(COLOURS)}


def ratio(front: str, back: str) -> float:
    """The contrast of two CSS colours (WCAG 2.2)."""
    light, dark = sorted((luminance(front), luminance(back)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
