import threading
from collections.abc import Generator

import pytest

from skerry.chat.backend import Event
from skerry.chat.web import streaming
from skerry.chat.web.streaming import Listener
from skerry.errors import RemoteError
from tests.kit.desk_scripts import SCRIPTS
from tests.kit.scripted_agent import ScriptedAgent, ScriptedBackend

LIMIT = 30
TALK = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def agent() -> ScriptedAgent:
    return ScriptedAgent(SCRIPTS)


def listening(backend: ScriptedBackend, prompt: str) -> Listener:
    return Listener(backend, TALK, lambda: backend.ask(TALK, prompt), delay=0).start()


def kinds(listener: Listener) -> list[str]:
    return [str(heard.event["type"]) for heard in listener.heard]


def test_all_events_are_heard_with_their_times(agent: ScriptedAgent):
    listener = listening(agent.backend(), "hello")
    assert listener.wait(LIMIT)
    assert kinds(listener)[0] == "RUN_STARTED"
    assert kinds(listener)[-1] == "RUN_FINISHED"
    assert listener.run == "run-1"
    times = [heard.at for heard in listener.heard]
    assert times == sorted(times)
    assert listener.problem is None


@pytest.mark.behaviour("WEB-ATTACH-AGAIN")
def test_a_broken_stream_is_listened_to_again_from_where_it_broke(agent: ScriptedAgent):
    backend = agent.backend()
    backend.broken = [4, 3]
    listener = listening(backend, "hello")
    assert listener.wait(LIMIT)
    assert backend.calls == ["ask", "attach 4", "attach 7"]
    run = agent.runs[listener.run]
    assert [heard.event for heard in listener.heard] == run.events
    assert agent.prompts == ["hello"]


def test_what_cannot_be_listened_to_is_a_problem_after_some_attempts(agent: ScriptedAgent):
    backend = agent.backend()
    backend.broken = [2, *[0] * 20]
    listener = listening(backend, "hello")
    assert listener.wait(LIMIT)
    assert isinstance(listener.problem, RemoteError)
    assert len(backend.calls) == streaming.ATTEMPTS


def test_a_question_that_never_began_is_not_sent_again(agent: ScriptedAgent):
    backend = agent.backend()
    backend.broken = [0]
    listener = listening(backend, "hello")
    assert listener.wait(LIMIT)
    assert backend.calls == ["ask"]
    assert listener.problem is not None


def test_a_run_that_the_server_forgot_is_gone(agent: ScriptedAgent):
    backend = agent.backend()
    listener = Listener(backend, TALK, lambda: backend.attach(TALK, "r"), run="r")
    agent.talks.clear()
    agent.ask("somebody", TALK, "slow", {})
    listener.start()
    assert listener.wait(LIMIT)
    assert listener.gone
    agent.open("slow")


def test_an_agent_of_another_kind_ends_with_its_stream(agent: ScriptedAgent):
    def words() -> Generator[Event]:
        yield {"type": "TEXT_MESSAGE_CONTENT", "messageId": "", "delta": "plain words"}

    listener = Listener(agent.backend(), TALK, words).start()
    assert listener.wait(LIMIT)
    assert listener.problem is None
    assert kinds(listener) == ["TEXT_MESSAGE_CONTENT"]


def test_stopping_ends_the_thread_and_the_stream_but_not_the_run(agent: ScriptedAgent):
    closed = threading.Event()
    backend = agent.backend()
    listener = listening(backend, "slow")
    listener.stop(closed.set)
    agent.open("slow")
    assert listener.wait(LIMIT)
    assert closed.wait(LIMIT)
    run = agent.runs["run-1"]
    with run.changed:
        assert run.changed.wait_for(lambda: run.over, LIMIT)
    assert "RUN_FINISHED" not in kinds(listener)


def test_stopping_what_is_over_is_at_once(agent: ScriptedAgent):
    listener = listening(agent.backend(), "hello")
    assert listener.wait(LIMIT)
    closed = threading.Event()
    listener.stop(closed.set)
    assert closed.is_set()
