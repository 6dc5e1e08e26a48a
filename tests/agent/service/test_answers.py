"""Questions to the web service: streams, whole answers, approvals, and what goes on without a listener."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.agent.service.conftest import Serve
from tests.kit.agent_client import error, interrupts, kinds, said
from tests.kit.agent_service import Service, refused
from tests.kit.mcp_gateway import StandIn
from tests.kit.memory_store import MemoryStore
from tests.kit.scripted_model import Say, ScriptedModel, Use

READ = Use.one("accounts___get_email", account_id="12345")
CHANGE = Use.one("accounts___change_email", account_id="12345", new_email="mynew@email.com")
WAIT = Use.one("demo___wait")


@pytest.mark.behaviour("SERVICE-STREAM")
def test_a_new_conversation_tells_its_id_first_and_goes_on_by_it(serve: Serve, modern: StandIn):
    model = ScriptedModel([READ, Say("It is user@example.com."), Say("Again.")])
    service = serve(model, gateway_url=modern.url)
    events = service.stream(prompt="What is the address of 12345?")
    assert kinds(events)[0] == "RUN_STARTED"
    assert kinds(events)[-1] == "RUN_FINISHED"
    assert said(events).strip() == "It is user@example.com."
    identifier = events[0]["threadId"]
    assert said(service.stream(prompt="Again?", conversation_id=identifier)).strip() == "Again."
    assert [message["role"] for message in model.asked[-1]] == [
        "user",
        "assistant",
        "user",
        "assistant",
        "user",
    ]


@pytest.mark.behaviour("SERVICE-CHAT")
def test_a_whole_answer_has_its_text_and_its_calls(serve: Serve, modern: StandIn):
    answer = serve([READ, Say("Here.")], gateway_url=modern.url).chat(prompt="What is it?")
    assert answer["text"].strip() == "Here."
    (call,) = answer["tool_calls"]
    assert call.pop("id")
    assert call == {
        "name": "accounts___get_email",
        "arguments": {"account_id": "12345"},
        "status": "success",
        "content": [{"type": "text", "text": "user@example.com"}],
    }
    assert answer["interrupts"] == []
    assert answer["usage"]["cost"] is None
    assert answer["run_id"]


@pytest.mark.behaviour("SERVICE-APPROVAL")
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_an_approval_is_answered_once(serve: Serve, modern: StandIn, accept: str):
    service = serve([CHANGE, Say("Done.")], gateway_url=modern.url)
    asked = service.chat(prompt="Change it")
    (interrupt,) = asked["interrupts"]
    body = {"conversation_id": asked["conversation_id"], "approved": True}
    path = f"/api/approvals/{interrupt['id']}"
    answer = service.post(path, body, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(accept)
    assert "Done." in answer.text
    if accept == "application/json":
        (call,) = answer.json()["tool_calls"]
        assert call["name"] == "accounts___change_email"
        assert call["arguments"] == {"account_id": "12345", "new_email": "mynew@email.com"}
    assert modern.emails == {"12345": "mynew@email.com"}
    assert refused(service.post(path, body)) == (409, "UNKNOWN_INTERRUPT_ID")


@pytest.mark.behaviour("SERVICE-APPROVAL")
def test_a_no_changes_nothing(serve: Serve, modern: StandIn):
    service = serve([CHANGE], gateway_url=modern.url)
    asked = service.chat(prompt="Change it")
    body = {"conversation_id": asked["conversation_id"], "approved": False}
    answer = service.post(f"/api/approvals/{asked['interrupts'][0]['id']}", body).json()
    assert "Nothing was changed" in answer["text"]
    assert modern.emails == {"12345": "user@example.com"}


@pytest.mark.behaviour("SERVICE-STATUS")
def test_a_question_while_one_is_open_is_a_conflict(serve: Serve, modern: StandIn):
    service = serve([CHANGE], gateway_url=modern.url)
    asked = service.chat(prompt="Change it")
    again = {"prompt": "and?", "conversation_id": asked["conversation_id"]}
    assert refused(service.post("/stream", again)) == (409, "PENDING_INTERRUPTS")
    (shown,) = interrupts(service.stream(resume=[], conversation_id=asked["conversation_id"]))
    assert shown["id"] == asked["interrupts"][0]["id"]


def leave_while_waiting(service: Service, modern: StandIn) -> tuple[str, str]:
    """Asks, and goes away in the middle of a tool call; conversation and run."""
    with service.listening(prompt="wait") as answer:
        lines = answer.iter_lines()
        started = json.loads(next(lines).removeprefix("data: "))
        while "TOOL_CALL_END" not in next(lines):
            pass
        assert modern.entered.wait(20)
    return started["threadId"], started["runId"]


@pytest.mark.behaviour("SERVICE-RUNS")
def test_who_goes_away_stops_nothing_and_can_listen_again(serve: Serve, modern: StandIn):
    service = serve([WAIT, Say("Waited.")], gateway_url=modern.url)
    conversation, run = leave_while_waiting(service, modern)
    shown = service.get(f"/api/conversations/{conversation}").json()
    assert shown["run"] == run
    busy = service.post("/stream", {"prompt": "me too", "conversation_id": conversation})
    assert refused(busy) == (409, "SESSION_BUSY")
    modern.release.set()
    rest = service.stream(attach={"runId": run, "after": 1}, conversation_id=conversation)
    assert kinds(rest)[0] == "TOOL_CALL_START"
    assert said(rest).strip() == "Waited."
    whole = service.stream(attach={"runId": run}, conversation_id=conversation)
    assert whole[1:] == rest
    assert service.get(f"/api/conversations/{conversation}").json()["run"] == ""


@pytest.mark.behaviour("SERVICE-RUNS")
def test_a_run_is_stopped_on_the_server_and_the_conversation_goes_on(serve: Serve, modern: StandIn):
    model = ScriptedModel([WAIT, Say("Here.")])
    service = serve(model, gateway_url=modern.url)
    conversation, run = leave_while_waiting(service, modern)
    path, body = f"/api/runs/{run}/cancel", {"conversation_id": conversation}
    assert service.post(path, body).json() == {"runId": run, "wasRunning": True}
    assert service.post(path, body).json() == {"runId": run, "wasRunning": False}
    modern.release.set()
    assert error(service.stream(attach={"runId": run}, conversation_id=conversation))[0] == "CANCELLED"
    assert said(service.stream(prompt="still there?", conversation_id=conversation)).strip() == "Here."
    assert "may or may not have been carried out" in json.dumps(model.asked[-1])


def test_an_unknown_run_sends_its_listener_to_the_conversation(serve: Serve, modern: StandIn):
    service = serve([], gateway_url=modern.url)
    body = {"attach": {"runId": "none"}, "conversation_id": "c" * 36}
    assert refused(service.post("/stream", body)) == (404, "UNKNOWN_RUN")


@pytest.mark.behaviour("SERVICE-STATUS")
@pytest.mark.parametrize(
    ("settings", "status", "code"),
    [
        ({}, 500, "CONFIGURATION_ERROR"),
        ({"gateway_url": "http://127.0.0.1:9/mcp"}, 502, "GATEWAY_ERROR"),
    ],
)
def test_a_whole_answer_that_went_wrong_is_a_status(
    serve: Serve, settings: dict[str, Any], status: int, code: str
):
    assert refused(serve([], **settings).post("/chat", {"prompt": "hi"})) == (status, code)


@pytest.mark.behaviour("SERVICE-STATUS")
def test_a_store_that_does_not_work_is_said_and_loses_nothing(
    serve: Serve, modern: StandIn, kept: MemoryStore
):
    service = serve([Say("Hello."), Say("Again.")], gateway_url=modern.url)
    conversation = service.chat(prompt="hi")["conversation_id"]
    kept.failing = True
    body = {"prompt": "and?", "conversation_id": conversation}
    assert refused(service.post("/chat", body)) == (503, "STATE_ERROR")
    assert refused(service.get(f"/api/conversations/{conversation}")) == (503, "STATE_ERROR")
    kept.failing = False
    service.chat(**body)
    found = service.get(f"/api/conversations/{conversation}").json()
    assert [item["content"][0]["text"].strip() for item in found["messages"]] == [
        "hi",
        "Hello.",
        "and?",
        "Again.",
    ]


@pytest.mark.behaviour("SERVICE-NEVER")
def test_half_a_character_makes_no_conversation_unreadable(serve: Serve, modern: StandIn):
    turns = [
        Say("in two pieces: \ud83d\ude00, half: \ud83d."),
        Use.one("accounts___get_email", account_id="\ude00"),
        Say("Done."),
        Use.one("storage___wipe", bucket="\ud83d"),
    ]
    service = serve(turns, gateway_url=modern.url)
    first = service.chat(prompt="hi")
    text = "in two pieces: \U0001f600, half: \ufffd."
    assert first["text"].strip() == text
    more = {"conversation_id": first["conversation_id"]}
    assert service.chat(prompt="look", **more)["tool_calls"][0]["arguments"] == {"account_id": "\ufffd"}
    assert service.chat(prompt="wipe", **more)["interrupts"][0]["arguments"] == {"bucket": "\ufffd"}
    path = f"/api/conversations/{first['conversation_id']}"
    assert service.get(path).json()["messages"][1]["content"][0]["text"].strip() == text
    assert text in service.get(f"{path}?format=markdown").text
    assert service.get(f"{path}?format=json").json()["conversation"]["id"] == first["conversation_id"]
