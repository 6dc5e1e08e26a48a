import gc
import threading

import pytest

from skerry.chat.backend import Reply
from skerry.chat.doors.connection import RefusedError
from skerry.chat.web.host import Choice, Host
from skerry.chat.web.panels import Shown
from skerry.chat.web.transcript import Answer, Question, Text
from skerry.chat.web.visit import Visit
from tests.kit.desk_scripts import SCRIPTS
from tests.kit.scripted_agent import ScriptedAgent, ScriptedBackend

LIMIT = 30


class Desk:
    """A scripted agent and everything that was opened to it."""

    def __init__(self) -> None:
        self.agent = ScriptedAgent(SCRIPTS)
        self.choices: list[Choice] = []
        self.opened: list[ScriptedBackend] = []
        self.host = Host(self.connect)

    def connect(self, choice: Choice) -> ScriptedBackend:
        self.choices.append(choice)
        backend = self.agent.backend(choice.token or "somebody")
        self.opened.append(backend)
        return backend

    def visit(self, token: str = "") -> Visit:
        return Visit(self.host, Choice(token=token))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def heard(visit: Visit) -> None:
    """Takes everything until the run is over; the end of the listener is waited for, not slept for."""
    while visit.listening:
        listener = visit._listener
        assert listener is not None
        assert listener.wait(LIMIT)
        visit.catch_up()


def said(visit: Visit) -> str:
    assert visit.answer is not None
    return "".join(block.text for block in visit.answer.blocks if isinstance(block, Text))


def asked(desk: Desk, prompt: str) -> Visit:
    visit = desk.visit()
    visit.ask(prompt, {})
    heard(visit)
    return visit


def test_a_question_and_its_answer(desk: Desk):
    visit = asked(desk, "hello")
    assert [type(entry) for entry in visit.entries] == [Question, Answer]
    assert said(visit).startswith("Hello!")
    assert visit.problem is None


@pytest.mark.behaviour("WEB-PREFERENCES")
def test_the_view_is_told_as_preferences_and_changes_nothing_else(desk: Desk):
    visit = desk.visit()
    visit.ask("hello", Shown(show_raw=True).preferences())
    heard(visit)
    assert desk.agent.preferences == [
        {"auto_format": True, "show_raw": True, "show_tools": True, "show_thinking": True}
    ]


@pytest.mark.behaviour("WEB-RELOAD")
def test_a_reload_in_the_middle_goes_on_with_the_same_run(desk: Desk):
    before = desk.visit()
    before.ask("slow", {})
    run = next(iter(desk.agent.runs.values()), None) or wait_for_run(desk)
    after = desk.visit()
    after.open(before.id)
    assert after.listening
    assert after.run == run.id
    desk.agent.open("slow")
    heard(after)
    heard(before)
    assert said(after) == said(before)
    assert [type(entry) for entry in after.entries] == [Question, Answer]
    assert desk.agent.prompts == ["slow"]


def test_a_run_that_ended_during_the_reload_is_read_from_the_conversation(desk: Desk):
    desk.agent.forgetful = True
    before = desk.visit()
    before.ask("slow", {})
    wait_for_run(desk)
    after = desk.visit()
    backend = after.backend
    assert isinstance(backend, ScriptedBackend)
    backend.before_attach = lambda: (desk.agent.open("slow"), heard(before))
    after.open(before.id)
    heard(after)
    assert said(after).strip() == said(before).strip()
    assert after.problem is None


def wait_for_run(desk: Desk):
    done = threading.Event()
    for _ in range(LIMIT * 50):
        if desk.agent.runs:
            return next(iter(desk.agent.runs.values()))
        done.wait(0.02)
    raise AssertionError("the question did not arrive")


def test_a_reload_after_the_end_reads_what_was_kept(desk: Desk):
    before = asked(desk, "table")
    after = desk.visit()
    after.open(before.id)
    assert not after.listening
    assert said(after).strip() == said(before).strip()


@pytest.mark.behaviour("WEB-APPROVE")
@pytest.mark.parametrize(
    ("approved", "end"),
    [(True, "The workspace **network-prod** exists now."), (False, "Nothing was created.")],
)
@pytest.mark.parametrize("reloaded", [False, True])
def test_an_open_question_is_answered_also_after_a_reload(
    desk: Desk, reloaded: bool, approved: bool, end: str
):
    visit = asked(desk, "create")
    if reloaded:
        identifier, visit = visit.id, desk.visit()
        visit.open(identifier)
    (interrupt,) = visit.interrupts
    visit.decide(Reply(interrupt["id"], approved=approved))
    heard(visit)
    assert said(visit).strip() == end
    assert not visit.interrupts
    assert [each["payload"]["approved"] for each in desk.agent.replies] == [approved]


def test_several_questions_are_answered_together(desk: Desk):
    visit = asked(desk, "both")
    one, two = visit.interrupts
    visit.decide(Reply(one["id"], approved=True))
    assert desk.agent.replies == []
    visit.decide(Reply(two["id"], approved=False))
    heard(visit)
    assert [each["payload"]["approved"] for each in desk.agent.replies] == [True, False]


@pytest.mark.behaviour("WEB-STOP")
def test_stopping_is_told_to_the_server(desk: Desk):
    visit = desk.visit()
    visit.ask("slow", {})
    run = wait_for_run(desk)
    with run.changed:
        assert run.changed.wait_for(lambda: len(run.events) > 2, LIMIT)
    while not visit.run:
        visit.catch_up()
    visit.cancel()
    heard(visit)
    assert visit.answer is not None
    assert visit.answer.failure is not None
    assert visit.answer.failure.code == "CANCELLED"


def test_a_question_while_another_tab_waits_shows_what_is_under_way(desk: Desk):
    one = desk.visit()
    one.ask("slow", {})
    wait_for_run(desk)
    two = desk.visit()
    two.id = one.id
    two.ask("hello", {})
    listener = two._listener
    assert listener is not None
    assert listener.wait(LIMIT)
    assert two.catch_up()
    assert "your question was not asked" in two.notice
    desk.agent.open("slow")
    heard(two)
    assert "second part" in said(two)
    heard(one)
    assert desk.agent.prompts == ["slow"]


@pytest.mark.behaviour("WEB-OWNER")
def test_somebody_elses_conversation_cannot_be_opened(desk: Desk):
    visit = asked(desk, "hello")
    other = desk.visit("another")
    other.open(visit.id)
    assert isinstance(other.problem, RefusedError)
    assert other.id != visit.id
    assert not other.asked


def test_a_wrong_session_id_is_said_and_nothing_is_asked_for(desk: Desk):
    visit = desk.visit()
    visit.open("short")
    assert visit.problem is not None
    assert desk.opened == []


def test_pages_of_conversations(desk: Desk):
    visit = desk.visit()
    for _ in range(45):
        visit.begin()
        visit.ask("hello", {})
        heard(visit)
    visit.refresh()
    assert (len(visit.listed), bool(visit.cursor)) == (20, True)
    visit.more()
    visit.more()
    assert (len(visit.listed), visit.cursor) == (45, "")
    assert len({each.id for each in visit.listed}) == 45


def test_a_deleted_conversation_leaves_the_list_and_the_page(desk: Desk):
    visit = asked(desk, "hello")
    visit.refresh()
    visit.delete(visit.id)
    assert visit.listed == []
    assert not visit.asked
    assert desk.agent.talks == {}


def test_another_agent_is_another_conversation_on_another_connection(desk: Desk):
    visit = asked(desk, "hello")
    before = visit.id
    visit.choose(Choice(agent="arn:x"))
    assert visit.id != before
    assert desk.opened[0].closed.is_set()
    visit.ask("hello", {})
    heard(visit)
    assert desk.choices == [Choice(), Choice(agent="arn:x")]


@pytest.mark.behaviour("WEB-CLOSED-TAB")
def test_a_forgotten_visit_ends_its_connection_and_not_the_run(desk: Desk):
    visit = desk.visit()
    visit.ask("slow", {})
    run = wait_for_run(desk)
    backend = desk.opened[0]
    del visit
    gc.collect()
    desk.agent.open("slow")
    assert backend.closed.wait(LIMIT)
    with run.changed:
        assert run.changed.wait_for(lambda: run.over, LIMIT)
    assert not run.cancelled.is_set()
