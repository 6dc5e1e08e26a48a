"""The page in a real browser: a `skerry web` process, a scripted agent as web service, a headless Chromium.

Nothing waits for time to pass: each step waits for what a person would see.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Literal

import pytest

from tests.kit.asgi_thread import serve
from tests.kit.desk_scripts import SCRIPTS
from tests.kit.scripted_agent import ScriptedAgent, app
from tests.kit.web_chat import SCREENSHOTS, chromium, web_chat

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Download, Locator, Page, Request

LIMIT = 30_000
"""Milliseconds; generous, because the machine is shared."""
PATIENCE = 5_000
"""Milliseconds after which a person would press again."""
pytestmark = pytest.mark.timeout(900)

NUMBERS = itertools.count(1)


QUIET = """document.querySelector('[data-testid=stApp][data-test-script-state=notRunning]')
    && !document.querySelector('.st-key-stop, [data-testid=stSkeleton]')"""
"""What is true of the page when nothing is drawn any more and no answer is under way."""


class Desk:
    """Agent, page and browser of this module."""

    def __init__(self, agent: ScriptedAgent, url: str, browser: Browser) -> None:
        self.agent, self.url, self.browser = agent, url, browser


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    agent = ScriptedAgent(SCRIPTS)
    with ExitStack() as stack:
        browser = stack.enter_context(chromium())
        service = stack.enter_context(serve(app(agent)))
        stack.callback(agent.finish)
        page = stack.enter_context(web_chat(tmp_path_factory.mktemp("web"), "--url", service))
        yield Desk(agent, page.url, browser)


class Tab:
    """One tab and what a person does in it."""

    def __init__(self, page: Page, desk: Desk) -> None:
        self.page, self.desk = page, desk
        self.console: list[str] = []
        self.requested: list[str] = []
        page.set_default_timeout(LIMIT)
        page.on("console", self._said)
        page.on("request", self._asked)

    def _said(self, message: ConsoleMessage) -> None:
        self.console.append(f"{message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        self.requested.append(request.url)

    def leave(self) -> None:
        """Listens to the page no longer; it stays where it is, so that its process does."""
        self.page.remove_listener("console", self._said)
        self.page.remove_listener("request", self._asked)

    def open(self, path: str = "/") -> Tab:
        self.page.goto(self.desk.url + path)
        self.idle()
        return self

    @property
    def box(self) -> Locator:
        return self.page.get_by_test_id("stChatInputTextArea")

    @property
    def main(self) -> Locator:
        return self.page.get_by_test_id("stMainBlockContainer")

    @property
    def side(self) -> Locator:
        return self.page.get_by_test_id("stSidebar")

    def idle(self) -> None:
        """Waits until a question can be asked, and nothing is drawn any more."""
        self.page.wait_for_function(
            f"{QUIET} && document.querySelector('[data-testid=stChatInputTextArea]:enabled')"
        )

    def ask(self, text: str) -> None:
        self.idle()
        self.box.fill(text)
        self.box.press("Enter")
        self.main.get_by_test_id("stChatMessage").get_by_text(text, exact=True).wait_for()

    def sees(self, text: str | re.Pattern[str]) -> None:
        self.main.get_by_text(text).first.wait_for()

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def repeat(self, act: Callable[[], object], seen: Callable[[], bool]) -> None:
        """Does something until it shows: a page that was drawn anew between press and release forgets a click."""
        from playwright.sync_api import TimeoutError as Late

        deadline = time.monotonic() + LIMIT / 1000
        while True:
            with contextlib.suppress(Late):
                act()
            if seen():
                return
            assert time.monotonic() < deadline, "what was done never showed"

    def press(self, what: Locator, shows: Locator, state: Literal["visible", "detached"] = "visible") -> None:
        """Presses a button until what it is for is there, or gone."""
        from playwright.sync_api import TimeoutError as Late

        def seen() -> bool:
            try:
                shows.first.wait_for(state=state, timeout=PATIENCE)
            except Late:
                return False
            return True

        self.repeat(lambda: what.click(timeout=PATIENCE), seen)

    def choose(self, label: str, option: str) -> None:
        """Opens a list and takes one of its options."""
        box = self.page.get_by_role("combobox", name=label)

        def act() -> None:
            if box.get_attribute("aria-expanded") != "true":
                box.click(timeout=PATIENCE)
            self.page.get_by_role("option", name=option).click(timeout=PATIENCE)

        self.repeat(act, lambda: box.input_value() == option)

    def download(self, name: str) -> Download:
        """Presses a button of the sidebar that saves a file."""
        found: list[Download] = []

        def act() -> None:
            with self.page.expect_download(timeout=PATIENCE) as waiting:
                self.side.get_by_role("button", name=name).click()
            found.append(waiting.value)

        self.repeat(act, lambda: bool(found))
        return found[0]

    def section(self, name: str) -> None:
        self.side.get_by_text(name, exact=True).click()

    def picture(self, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


@pytest.fixture(scope="module")
def context(desk: Desk) -> Iterator[BrowserContext]:
    made = desk.browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    yield made
    made.close()


@pytest.fixture(scope="module")
def page(context: BrowserContext) -> Page:
    """One for all tests: a new one takes a process, which compiles Streamlit's code for seconds."""
    return context.new_page()


@pytest.fixture
def tab(desk: Desk, page: Page) -> Iterator[Tab]:
    """The page, loaded anew: for the server that is a session of its own, as a new tab is."""
    loaded = Tab(page, desk).open()
    yield loaded
    loaded.leave()


@pytest.fixture
def other(desk: Desk, context: BrowserContext) -> Iterator[Tab]:
    """A second tab beside the first."""
    with context.new_page() as page:
        yield Tab(page, desk).open()


def unique(script: str) -> str:
    """A question for a script that no other test asks."""
    return f"{script} {next(NUMBERS)}"


@pytest.mark.behaviour("WEB-STREAMS")
def test_an_answer_is_seen_while_it_is_given(tab: Tab):
    question = unique("slow")
    tab.ask(question)
    tab.sees("The first part is here.")
    tab.button("Stop").wait_for()
    assert tab.main.get_by_text("The second part").count() == 0
    assert tab.box.is_disabled()
    tab.desk.agent.open(question)
    tab.sees("The second part came later.")
    tab.idle()
    assert tab.button("Stop").count() == 0


@pytest.mark.parametrize(
    ("choice", "end"),
    [("Approve", "The workspace network-prod exists now."), ("Deny", "Nothing was created.")],
)
def test_a_confirmation_shows_the_exact_arguments_and_is_answered(tab: Tab, choice: str, end: str):
    tab.ask(unique("create"))
    tab.sees("The agent asks before it acts")
    tab.sees("terraform___create_workspace")
    code = tab.main.get_by_test_id("stCode").last
    assert json.loads(code.inner_text()) == {
        "organization": "example",
        "name": "network-prod",
        "auto_apply": False,
    }
    assert tab.box.is_disabled()
    tab.press(tab.button(choice), tab.main.get_by_text(end))
    tab.idle()
    assert tab.button("Approve").count() == 0
    assert tab.desk.agent.replies[-1]["payload"] == {"approved": choice == "Approve"}


def test_a_form_is_checked_filled_in_and_sent(tab: Tab):
    tab.ask(unique("form"))
    tab.sees("What is the ticket about?")
    tab.press(tab.button("Send"), tab.main.get_by_text("Reason: It is needed."))
    tab.page.wait_for_function(QUIET)
    tab.page.get_by_label("Reason").fill("disk full")
    tab.choose("Priority", "high")
    tab.press(tab.button("Send"), tab.main.get_by_text("Ticket opened: disk full"))
    assert tab.desk.agent.replies[-1]["payload"]["content"] == {
        "reason": "disk full",
        "priority": "high",
        "count": 2,
        "notify": False,
    }


def test_a_tool_panel_unfolds_to_arguments_and_result(tab: Tab):
    tab.ask(unique("create"))
    tab.press(tab.button("Approve"), tab.main.get_by_text("exists now."))
    panel = tab.main.get_by_test_id("stExpander").first
    panel.get_by_text(re.compile(r"terraform___create_workspace · (< )?\d+\.\d s")).click()
    panel.get_by_text("network-prod").first.wait_for()
    panel.get_by_text("ws-123").wait_for()


def test_a_chart_is_drawn(tab: Tab):
    tab.ask(unique("chart"))
    picture = tab.main.get_by_test_id("stImage").locator("img")
    picture.wait_for()
    tab.sees("The balances of the last five months.")
    assert picture.evaluate("each => each.decode().then(() => [each.naturalWidth, each.naturalHeight])") == [
        640,
        300,
    ]


def test_a_table_is_drawn(tab: Tab):
    tab.ask(unique("table"))
    tab.main.get_by_test_id("stDataFrame").wait_for()
    tab.sees("4 rows · us-east-1 · 123456789012")
    cells = tab.main.locator("td[role=gridcell]")  # what a screen reader is told of the canvas
    cells.filter(has_text="bastion").first.wait_for(state="attached")


def test_a_reload_in_the_middle_loses_nothing(tab: Tab):
    question = unique("slow")
    tab.ask(question)
    tab.sees("The first part is here.")
    tab.button("Stop").wait_for()
    assert "conversation=" in tab.page.url
    tab.page.reload()
    tab.sees("The first part is here.")
    tab.button("Stop").wait_for()
    tab.desk.agent.open(question)
    tab.sees("The second part came later.")
    tab.idle()
    assert tab.main.get_by_text("The first part is here.").count() == 1
    assert tab.desk.agent.prompts.count(question) == 1


@pytest.mark.behaviour("WEB-CLICKS")
def test_clicks_in_the_middle_do_not_end_the_answer(tab: Tab):
    question = unique("slow")
    tab.ask(question)
    tab.sees("The first part is here.")
    tab.section("View")
    for name in ("Show thinking", "Show raw events", "Show tool calls"):
        tab.side.get_by_text(name).click()
    tab.sees(re.compile("Raw events"))
    tab.side.get_by_text("Show raw events").click()
    tab.main.get_by_text(re.compile("Raw events")).wait_for(state="detached")
    tab.desk.agent.open(question)
    tab.sees("The second part came later.")
    assert tab.desk.agent.prompts.count(question) == 1
    assert not any(
        run.cancelled.is_set() for run in tab.desk.agent.runs.values() if run.talk.title == question
    )


def test_stop_stops_the_run_at_the_server(tab: Tab):
    question = unique("slow")
    tab.ask(question)
    tab.sees("The first part is here.")
    tab.button("Stop").click()
    tab.sees("Stopped.")
    tab.idle()
    (run,) = [run for run in tab.desk.agent.runs.values() if run.talk.title == question]
    assert run.cancelled.is_set()


@pytest.mark.behaviour("WEB-TABS")
def test_a_second_tab_sees_nothing_of_the_first(tab: Tab, other: Tab):
    question = unique("hello")
    tab.ask(question)
    tab.sees("Hello! I look after")
    tab.section("Session")
    first = tab.side.get_by_test_id("stCode").inner_text()
    other.sees("What shall we look at?")
    assert other.main.get_by_text("Hello! I look after").count() == 0
    other.section("Session")
    assert other.side.get_by_test_id("stCode").inner_text() != first
    other.ask(unique("chart"))
    other.sees("The balances of the last five months.")
    assert tab.main.get_by_text("The balances").count() == 0


@pytest.mark.behaviour("WEB-LIST")
def test_conversations_are_listed_opened_and_deleted(tab: Tab):
    question = unique("hello")
    tab.ask(question)
    tab.sees("Hello! I look after")
    tab.side.get_by_role("button", name=question, exact=True).wait_for()
    tab.press(tab.button("New conversation"), tab.main.get_by_text("What shall we look at?"))
    assert "conversation=" not in tab.page.url
    listed = tab.side.get_by_role("button", name=question, exact=True)
    tab.press(listed, tab.main.get_by_text("Hello! I look after"))
    (identifier,) = [talk.id for talk in tab.desk.agent.talks.values() if talk.title == question]
    tab.page.wait_for_url(re.compile(identifier))
    tab.idle()
    dialog = tab.page.get_by_role("dialog")
    tab.press(tab.button(f"Delete {question}"), dialog)
    tab.press(dialog.get_by_role("button", name="Keep it"), dialog, "detached")
    tab.idle()
    assert identifier in tab.desk.agent.talks
    tab.press(tab.button(f"Delete {question}"), dialog)
    yes = dialog.get_by_role("button", name="Delete", exact=True)
    tab.press(yes, tab.main.get_by_text("What shall we look at?"))
    tab.side.get_by_role("button", name=question, exact=True).wait_for(state="detached")
    assert identifier not in tab.desk.agent.talks


def test_a_session_is_resumed_by_its_id(tab: Tab, other: Tab):
    tab.ask(unique("hello"))
    tab.sees("Hello! I look after")
    tab.section("Session")
    identifier = tab.side.get_by_test_id("stCode").inner_text().strip()
    other.section("Session")
    wanted = other.side.get_by_label("Go on with another session")
    resume = other.side.get_by_role("button", name="Resume")
    found = other.main.get_by_text("Hello! I look after").first

    def act() -> None:
        if not found.is_visible():
            wanted.fill(identifier, timeout=PATIENCE)
            resume.click(timeout=PATIENCE)
            found.wait_for(timeout=PATIENCE)

    other.repeat(act, found.is_visible)
    other.page.wait_for_url(re.compile(identifier))


@pytest.mark.behaviour("WEB-DOWNLOAD")
@pytest.mark.parametrize(("name", "suffix"), [("Markdown", ".md"), ("JSON", ".json")])
def test_a_conversation_is_downloaded(tab: Tab, name: str, suffix: str, tmp_path: Any):
    question = unique("table")
    tab.ask(question)
    tab.sees("4 rows")
    tab.idle()
    tab.section("Session")
    saved = tab.download(name)
    file = tmp_path / "file"
    saved.save_as(file)
    assert saved.suggested_filename.endswith(suffix)
    written = file.read_text()
    assert question in written
    if suffix == ".json":
        assert [each["role"] for each in json.loads(written)["messages"]] == [
            "user",
            "assistant",
            "user",
            "assistant",
        ]
    else:
        assert "Call of `ec2_read_operations`" in written


@pytest.mark.behaviour("WEB-ERROR")
def test_an_error_has_its_code_and_the_next_move(tab: Tab):
    tab.ask(unique("fail"))
    box = tab.main.get_by_test_id("stAlert")
    box.get_by_text("the model is *not* there.").wait_for()
    box.get_by_text("MODEL_ERROR").wait_for()
    box.get_by_text("Ask again, or begin a new conversation.").wait_for()
    tab.idle()


def test_an_address_of_nobodys_conversation_is_an_error_and_not_a_conversation(tab: Tab):
    tab.open("/?conversation=11111111-2222-3333-4444-555555555555")
    tab.main.get_by_test_id("stAlert").get_by_text("NOT_FOUND").wait_for()


def test_pictures_named_by_a_model_are_not_fetched(tab: Tab):
    reached: list[str] = []

    async def spy(scope: Any, _receive: Any, send: Any) -> None:
        reached.append(scope["path"])
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"image/png")]}
        )
        await send({"type": "http.response.body", "body": b""})

    with serve(spy, lifespan="off") as address:
        tab.section("View")
        tab.side.get_by_text("Show thinking").click()
        tab.side.get_by_text("Show raw events").click()
        tab.ask(f"picture {address}")
        tab.sees("That was all.")
        tab.idle()
        for panel in tab.main.get_by_test_id("stExpander").all():
            panel.locator("summary").click()
        tab.sees(re.compile("thought.png"))
        assert tab.main.locator("img").count() == 0
        # The second door: even a picture that got into the page is refused by the page's policy.
        refused = tab.page.evaluate(
            """address => new Promise(done => {
                const each = new Image(); each.onload = () => done(false); each.onerror = () => done(true);
                each.src = address + "/direct.png"; document.body.append(each); })""",
            address,
        )
        assert refused
    assert reached == []


@pytest.mark.behaviour("WEB-NO-STRANGERS")
def test_the_page_asks_nobody_but_its_own_server(desk: Desk):
    with desk.browser.new_context() as nothing_kept:
        tab = Tab(nothing_kept.new_page(), desk).open()
        tab.ask(unique("table"))
        tab.sees("4 rows")
        tab.idle()
    strangers = [url for url in tab.requested if not url.startswith((tab.desk.url, "data:", "blob:"))]
    assert tab.requested
    assert strangers == []
    assert [line for line in tab.console if line.startswith("error")] == []


@pytest.mark.behaviour("WEB-THEMES")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(tab: Tab, scheme: Any):
    tab.page.emulate_media(color_scheme=scheme)
    try:
        tab.open()
        tab.picture(f"{scheme}-welcome")
        for question in ("hello there", "table of instances", "chart of balances"):
            tab.ask(question)
        tab.main.get_by_test_id("stImage").locator("img").wait_for()
        tab.picture(f"{scheme}-chart")
        tab.ask("create a workspace for the network")
        tab.button("Approve").scroll_into_view_if_needed()
        tab.sees(re.compile("Answer before"))
        tab.page.wait_for_function(QUIET)
        tab.picture(f"{scheme}-approval")
        ground, ink = tab.page.evaluate(
            """() => { const each = getComputedStyle(document.querySelector('[data-testid=stApp]'));
                       return [each.backgroundColor, each.color]; }"""
        )
    finally:
        tab.page.emulate_media(color_scheme="light")
    assert contrast(ground, ink) >= 7
    assert (luminance(ground) > luminance(ink)) == (scheme == "light")


def luminance(colour: str) -> float:
    """Relative luminance of a CSS colour, as WCAG 2 defines it."""
    parts = [int(each) / 255 for each in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.behaviour("WEB-KEYBOARD")
def test_every_control_has_a_name_and_the_keyboard_reaches_it(tab: Tab):
    tab.ask(unique("create"))
    tab.button("Approve").wait_for()
    nameless = tab.page.evaluate(
        """() => [...document.querySelectorAll('button, input, textarea, select')]
            .filter(each => each.offsetParent !== null)
            .filter(each => !(each.textContent || each.ariaLabel || each.title
                || each.labels?.length || each.getAttribute('aria-labelledby')))
            .map(each => each.outerHTML.slice(0, 200))"""
    )
    assert nameless == []
    tab.button("Approve").focus()
    tab.page.keyboard.press("Enter")
    tab.sees("exists now.")
