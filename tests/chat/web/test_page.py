"""The page's script without a browser: Streamlit's own test of apps, on a scripted agent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from skerry.chat.agents import Agent
from skerry.chat.backend import Backend
from skerry.chat.web import host as hosts
from skerry.chat.web import page
from skerry.chat.web.host import Choice, Host
from skerry.chat.web.visit import Visit
from skerry.errors import NotRunningError, RemoteError
from tests.kit.desk_scripts import SCRIPTS
from tests.kit.scripted_agent import ScriptedAgent

pytestmark = pytest.mark.timeout(600)

SCRIPT = Path(page.__file__).with_name("app.py")
LIMIT = 120


class Desk:
    """A scripted agent behind a host, and the page on it."""

    def __init__(self) -> None:
        self.agent = ScriptedAgent(SCRIPTS)
        self.choices: list[Choice] = []
        self.refuses = False

    def connect(self, choice: Choice) -> Backend:
        if self.refuses:
            raise NotRunningError("no stack runs here.", hint="Start one with: skerry up.")
        self.choices.append(choice)
        return self.agent.backend()

    def page(self, host: Host | None = None) -> AppTest:
        hosts.install(host or Host(self.connect, region="us-east-1"))
        return AppTest.from_file(SCRIPT, default_timeout=LIMIT).run()


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.agent.finish()


def asked(at: AppTest, text: str) -> AppTest:
    """Asks, waits for the end of the run, and draws it."""
    at.chat_input(key="prompt").set_value(text).run()
    return drawn(at)


def drawn(at: AppTest) -> AppTest:
    visit = at.session_state["visit"]
    assert isinstance(visit, Visit)
    if visit._listener is not None:
        assert visit._listener.wait(LIMIT)
    at.run()
    assert not at.exception
    return at


def texts(at: AppTest) -> str:
    return "\n".join(str(each.value) for kind in (at.markdown, at.text, at.caption, at.code) for each in kind)


def test_an_empty_page_has_examples_and_an_input(desk: Desk):
    at = desk.page()
    assert not at.exception
    assert at.title[0].value == "What shall we look at?"
    assert not at.chat_input(key="prompt").disabled
    assert desk.agent.prompts == []


def test_the_input_waits_while_an_answer_is_given(desk: Desk):
    at = desk.page()
    at.chat_input(key="prompt").set_value("slow").run()
    assert at.chat_input(key="prompt").disabled
    desk.agent.open("slow")
    drawn(at)
    assert not at.chat_input(key="prompt").disabled
    assert "The second part came later." in texts(at)


def test_view_filters_hide_and_show_what_is_kept(desk: Desk):
    at = asked(desk.page(), "table")
    assert len(at.dataframe) == 1
    assert "EC2 has the answer." not in texts(at)
    at.toggle(key="show_thinking").set_value(True).run()
    assert "EC2 has the answer." in texts(at)
    at.toggle(key="show_tools").set_value(False).run()
    assert len(at.dataframe) == 0
    at.toggle(key="show_raw").set_value(True).run()
    assert "TOOL_CALL_RESULT" in texts(at)
    at.toggle(key="auto_format").set_value(False).run()
    assert "Three of your **four instances** run." in "\n".join(each.value for each in at.text)
    assert desk.agent.prompts == ["table"]


@pytest.mark.parametrize("approved", [True, False])
def test_buttons_answer_an_open_question(desk: Desk, approved: bool):
    at = asked(desk.page(), "create")
    assert at.chat_input(key="prompt").disabled
    at.button(key="approve-i-c-create" if approved else "deny-i-c-create").click().run()
    drawn(at)
    assert ("exists now" in texts(at)) == approved
    assert [each["payload"] for each in desk.agent.replies] == [{"approved": approved}]


LINK = "https://bank.example/pages/x?y=1"


def shown_a_page(desk: Desk, url: str) -> AppTest:
    """The page with a question that wants a link opened, in place of an approval."""
    at = asked(desk.page(), "create")
    visit = at.session_state["visit"]
    (question,) = visit.interrupts
    visit.answer.interrupts = [
        {"id": question["id"], "toolName": "bank___read", "mode": "url", "url": url, "message": "Sign *in*."}
    ]
    return at.run()


@pytest.mark.behaviour("WEB-PAGE")
@pytest.mark.parametrize("done", [True, False])
def test_a_link_is_shown_whole_and_opened_by_the_person_alone(desk: Desk, done: bool):
    at = shown_a_page(desk, LINK)
    assert "https://bank.example/pages/x?y=1" in texts(at)
    assert "It leads to: bank.example" in texts(at)
    assert "Sign *in*." in [each.value for each in at.text]
    (link,) = at.get("link_button")
    assert (link.proto.url, link.proto.label) == (LINK, r"Open bank\.example")  # markdown
    at.button(key="done-i-c-create" if done else "decline-i-c-create").click().run()
    drawn(at)
    assert [each["payload"] for each in desk.agent.replies] == [{"approved": done}]


@pytest.mark.behaviour("WEB-PAGE")
@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "http://bank.example/",
        "https://bank.example@evil.example/",
        "https://evil.example\\@bank.example/",
    ],
)
def test_a_link_that_nobody_should_open_has_no_button(desk: Desk, url: str):
    at = shown_a_page(desk, url)
    assert "Not opened:" in texts(at)
    assert not at.get("link_button")
    assert "done-i-c-create" not in [button.key for button in at.button]
    at.button(key="decline-i-c-create").click().run()
    drawn(at)
    assert [each["payload"] for each in desk.agent.replies] == [{"approved": False}]


def test_an_expired_question_can_only_be_dismissed(desk: Desk):
    at = asked(desk.page(), "create")
    visit = at.session_state["visit"]
    visit.answer.interrupts = [{**visit.interrupts[0], "expires": 1.0}]
    at.run()
    assert "approve-i-c-create" not in [button.key for button in at.button]
    at.button(key="dismiss-i-c-create").click().run()
    drawn(at)
    assert [each["payload"] for each in desk.agent.replies] == [{"approved": False}]


def test_an_agent_that_cannot_be_reached_is_an_error_box(desk: Desk):
    desk.refuses = True
    at = desk.page()
    at.chat_input(key="prompt").set_value("hello").run()
    assert not at.exception
    shown = "\n".join(each.value for each in at.error)
    assert "SKY\\-106" in shown or "SKY-106" in shown
    assert "skerry up" in shown.replace("\\", "")


def test_without_a_host_the_page_says_how_to_start_it():
    hosts._current.clear()
    at = AppTest.from_file(SCRIPT, default_timeout=LIMIT).run()
    assert "skerry web" in at.error[0].value


@pytest.mark.behaviour("WEB-AGENTS")
def test_an_agent_is_picked_with_its_version_and_region(desk: Desk):
    def agents(region: str) -> list[Agent]:
        if region == "eu-west-1":
            raise RemoteError("the agents of eu-west-1 cannot be listed: AccessDeniedException.")
        return [Agent("desk", "arn:one", "3", "READY"), Agent("other", "arn:two", "1", "CREATING")]

    at = desk.page(Host(desk.connect, agents, "us-east-1", ("eu-west-1", "us-east-1")))
    picker = at.selectbox(key="agent-us-east-1")
    assert picker.options == ["As started", "desk · version 3", "other · version 1 · creating"]
    picker.set_value("arn:one").run()
    assert desk.choices[-1] == Choice(agent="arn:one")
    asked(at, "hello")
    at.selectbox(key="region").set_value("eu-west-1").run()
    assert not at.exception
    assert any("AccessDeniedException" in each.value for each in at.error)
    assert desk.choices[-1] == Choice(region="eu-west-1")
    assert at.title[0].value == "What shall we look at?"


def test_older_conversations_are_a_page_away(desk: Desk):
    for number in range(25):
        run = desk.agent.ask("somebody", f"{number:036d}", "hello", {})
        with run.changed:
            assert run.changed.wait_for(lambda run=run: run.over, LIMIT)
    at = desk.page()
    assert sum(str(button.key).startswith("open-") for button in at.button) == 20
    at.button(key="older").click().run()
    assert sum(str(button.key).startswith("open-") for button in at.button) == 25
