"""Two processes on one store: of two that go on with a conversation one wins, and no message is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from tests.agent.conftest import Start
from tests.agent.service.conftest import Serve, serve  # noqa: F401  (a fixture)
from tests.kit.agent_client import error, interrupts, said
from tests.kit.agent_service import Service, refused
from tests.kit.mcp_gateway import StandIn
from tests.kit.memory_store import MemoryStore
from tests.kit.scripted_model import Say, ScriptedModel, Use

WAIT = Use.one("demo___wait")
WIPE = Use.one("storage___wipe", bucket="b")


def texts(service: Service, conversation: str) -> list[str]:
    found = service.get(f"/api/conversations/{conversation}").json()["messages"]
    return [block["text"].strip() for item in found for block in item["content"] if block["type"] == "text"]


def version(service: Service, conversation: str) -> int:
    return int(service.get(f"/api/conversations/{conversation}").json()["conversation"]["version"])


@pytest.mark.behaviour("AGENT-CONFLICT")
def test_a_conversation_that_another_process_answers_is_busy_everywhere(
    serve: Serve,  # noqa: F811
    modern: StandIn,
):
    one = serve([WAIT, Say("Waited."), Say("Again.")], gateway_url=modern.url, service={"lease": 3})
    other = serve([Say("Hello.")], gateway_url=modern.url, service={"lease": 3})
    with one.listening(prompt="wait") as answer:
        lines = answer.iter_lines()
        next(lines)
        assert modern.entered.wait(20)
        conversation = one.get("/api/conversations").json()["conversations"][0]["id"]
        begun = version(one, conversation)
        while version(one, conversation) < begun + 2:
            pass  # signs of life: the mark of a run outlives its three seconds
        body = {"prompt": "me too", "conversation_id": conversation}
        assert refused(other.post("/stream", body)) == (409, "SESSION_BUSY")
        assert other.get(f"/api/conversations/{conversation}").json()["run"]
        modern.release.set()
        assert "RUN_FINISHED" in [line for line in lines if line][-1]
    assert said(other.stream(**body)).strip() == "Hello."
    assert texts(one, conversation) == ["wait", "Waited.", "me too", "Hello."]


@pytest.mark.behaviour("AGENT-CONFLICT")
def test_a_run_of_a_runtime_is_alive_for_the_service_on_the_same_store(
    start: Start,
    serve: Serve,  # noqa: F811
    modern: StandIn,
    kept: MemoryStore,
):
    runtime = start([WAIT, Say("Waited.")], gateway_url=modern.url)
    service = serve([Say("Hello.")], gateway_url=modern.url)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(runtime.ask, "wait")
        assert modern.entered.wait(20)
        conversation = kept.kept[runtime.session]  # of one person: both doors know him by his token
        kept.kept[runtime.session] = replace(conversation, owner="local")
        body = {"prompt": "me too", "conversation_id": runtime.session}
        assert refused(service.post("/stream", body)) == (409, "SESSION_BUSY")
        assert service.get(f"/api/conversations/{runtime.session}").json()["run"]
        kept.kept[runtime.session] = replace(kept.kept[runtime.session], owner=conversation.owner)
        modern.release.set()
        assert said(running.result()).strip() == "Waited."


@pytest.mark.behaviour("AGENT-CONFLICT")
def test_a_run_that_was_taken_over_ends_and_loses_nothing(start: Start, modern: StandIn):
    first = start([WAIT, Say("never stored")], gateway_url=modern.url)
    second = start([Say("Hello.")], gateway_url=modern.url)
    second.session = first.session
    with ThreadPoolExecutor() as pool:
        running = pool.submit(first.ask, "wait")
        assert modern.entered.wait(20)
        assert said(second.ask("are you there?")).strip() == "Hello."
        modern.release.set()
        assert error(running.result())[0] == "CONFLICT"
    found = second.query("conversation", id=second.session)
    said_texts = [b["text"].strip() for m in found["messages"] for b in m["content"] if b["type"] == "text"]
    assert said_texts == ["wait", "The answer was stopped.", "are you there?", "Hello."]
    assert found["run"] == ""


@pytest.mark.behaviour("AGENT-APPROVAL-ONCE")
@pytest.mark.behaviour("AGENT-CONFLICT")
def test_of_many_processes_that_hear_a_yes_one_makes_the_call(
    serve: Serve,  # noqa: F811
    modern: StandIn,
):
    services = [serve([WIPE, Say("Done.")], gateway_url=modern.url) for _ in range(4)]
    asked = services[0].chat(prompt="Empty b")
    path = f"/api/approvals/{asked['interrupts'][0]['id']}"
    body = {"conversation_id": asked["conversation_id"], "approved": True}
    for service in services[1:]:
        service.get("/api/conversations")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: services[number % 4].post(path, body), range(8)))
    assert modern.wiped == 1
    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    lost = {refused(answer)[1] for answer in answers if answer.status_code != 200}
    assert lost <= {"CONFLICT", "SESSION_BUSY", "UNKNOWN_INTERRUPT_ID"}


@pytest.mark.behaviour("AGENT-CONFLICT")
def test_a_conversation_that_is_deleted_meanwhile_stays_deleted(
    start: Start, modern: StandIn, kept: MemoryStore
):
    first = start([WAIT, Say("never stored")], gateway_url=modern.url)
    second = start([], gateway_url=modern.url)
    second.session = first.session
    with ThreadPoolExecutor() as pool:
        running = pool.submit(first.ask, "wait")
        assert modern.entered.wait(20)
        assert second.query("delete", id=first.session) == {"id": first.session}
        modern.release.set()
        assert error(running.result())[0] == "NOT_FOUND"
    assert kept.kept == {}


def test_deleting_a_conversation_stops_its_answer(start: Start, modern: StandIn, kept: MemoryStore):
    asking = start([WAIT], gateway_url=modern.url)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(asking.ask, "wait")
        assert modern.entered.wait(20)
        assert asking.query("delete", id=asking.session) == {"id": asking.session}
        assert error(running.result())[0] == "CANCELLED"
    modern.release.set()
    assert kept.kept == {}


def test_questions_that_begin_one_conversation_at_once_are_all_answered_for(start: Start, modern: StandIn):
    agents: list[Any] = [start(ScriptedModel([Say("Hello.")] * 8), gateway_url=modern.url) for _ in range(3)]
    for agent in agents:
        agent.session = agents[0].session
    with ThreadPoolExecutor(12) as pool:
        results = list(pool.map(lambda number: agents[number % 3].ask(f"Question {number}"), range(12)))
    found = agents[0].query("conversation", id=agents[0].session)["messages"]
    asked = [item["content"][0]["text"] for item in found if item["role"] == "user"]
    good = [index for index, events in enumerate(results) if events[-1]["type"] == "RUN_FINISHED"]
    assert good
    assert {f"Question {number}" for number in good} <= set(asked)
    roles = [item["role"] for item in found]
    assert roles == ["user", "assistant"] * (len(roles) // 2)
    for events in results:
        assert (
            interrupts(events) == []
            if events[-1]["type"] == "RUN_FINISHED"
            else error(events)[0]
            in (
                "SESSION_BUSY",
                "CONFLICT",
            )
        )
