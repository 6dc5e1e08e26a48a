"""Answers that go on without a listener, and what a caller can ask about his conversations."""

from __future__ import annotations

import json

import httpx2
import pytest

from skerry.agent.identity import USER_HEADER
from tests.agent.conftest import Start
from tests.agent.test_identity import Exchange, jwt
from tests.kit.agent_client import Asking, error, interrupts, kinds, said
from tests.kit.mcp_gateway import PNG, StandIn
from tests.kit.memory_store import MemoryStore
from tests.kit.scripted_model import Fail, Say, ScriptedModel, Use

WAIT = Use.one("demo___wait")
CHANGE = Use.one("accounts___change_email", account_id="12345", new_email="mynew@email.com")


def status(asking: Asking) -> str:
    return str(httpx2.get(f"{asking.url}/ping").json()["status"])


def leave_while_waiting(asking: Asking, modern: StandIn) -> str:
    with asking.listening("wait") as events:
        run = str(next(events)["runId"])
        while next(events)["type"] != "TOOL_CALL_END":
            pass
        assert modern.entered.wait(20)
    return run


@pytest.mark.behaviour("AGENT-ATTACH")
def test_an_answer_goes_on_without_its_listener_and_can_be_heard_again(start: Start, modern: StandIn):
    asking = start([WAIT, Say("Waited.")], gateway_url=modern.url)
    run = leave_while_waiting(asking, modern)
    assert status(asking) == "HealthyBusy"
    assert error(asking.ask("me too"))[0] == "SESSION_BUSY"
    modern.release.set()
    rest = asking.attach(run, 1)
    assert kinds(rest)[0] == "TOOL_CALL_START"
    assert said(rest).strip() == "Waited."
    assert asking.attach(run)[1:] == rest
    assert status(asking) == "Healthy"


@pytest.mark.behaviour("AGENT-ATTACH")
def test_an_unknown_run_is_told_as_such(start: Start, modern: StandIn):
    asking = start([Say("Hello.")], gateway_url=modern.url)
    assert error(asking.attach("nothing"))[0] == "UNKNOWN_RUN"
    run = asking.ask("hi")[0]["runId"]
    stranger = Asking(asking.url, session="another-session-that-is-long-enough")
    assert error(stranger.attach(run))[0] == "UNKNOWN_RUN"


@pytest.mark.behaviour("AGENT-CANCEL")
def test_a_run_is_stopped_and_what_was_said_of_it_stays(start: Start, modern: StandIn):
    model = ScriptedModel([WAIT, Say("Here.")])
    asking = start(model, gateway_url=modern.url)
    run = leave_while_waiting(asking, modern)
    assert asking.cancel("another") == {"runId": "another", "wasRunning": False}
    assert asking.cancel(run) == {"runId": run, "wasRunning": True}
    assert asking.cancel(run) == {"runId": run, "wasRunning": False}
    modern.release.set()
    assert error(asking.attach(run))[0] == "CANCELLED"
    assert said(asking.ask("still there?")).strip() == "Here."
    assert "may or may not have been carried out" in json.dumps(model.asked[-1])


@pytest.mark.behaviour("AGENT-CANCEL")
def test_an_answer_that_takes_too_long_is_stopped(start: Start, modern: StandIn):
    asking = start([WAIT, Say("Here.")], gateway_url=modern.url, answer_time=0.5)
    assert error(asking.ask("wait"))[0] == "TIMEOUT"
    modern.release.set()
    assert asking.query("conversation", id=asking.session)["run"] == ""


@pytest.mark.behaviour("AGENT-HISTORY")
def test_a_conversation_can_be_read_with_all_that_was_said(start: Start, modern: StandIn):
    asking = start([Use.one("accounts___get_chart"), Say("Here.", thought="Easy.")], gateway_url=modern.url)
    asking.ask("  Show me\n a chart ")
    found = asking.query("conversation", id=asking.session)
    assert found["conversation"]["title"] == "Show me a chart"
    assert found["conversation"]["count"] == len(found["messages"]) == 4
    question, call, result, answer = found["messages"]
    assert (question["role"], question["number"]) == ("user", 1)
    assert question["content"] == [{"type": "text", "text": "  Show me\n a chart "}]
    assert call["content"][0]["name"] == "accounts___get_chart"
    (shown,) = result["content"]
    assert shown["type"] == "tool_result"
    assert shown["content"][0]["mimeType"] == "image/png"
    assert len(shown["content"][0]["data"]) >= len(PNG)
    assert list(result["metadata"]["durations"]) == [shown["id"]]
    assert [block["type"] for block in answer["content"]] == ["reasoning", "text"]
    assert answer["metadata"]["model"] == "local-router"
    assert answer["metadata"]["totalTokens"] == 0
    assert answer["metadata"]["duration"] >= 0


@pytest.mark.behaviour("AGENT-HISTORY")
def test_half_a_character_of_a_model_breaks_no_stream(start: Start, modern: StandIn):
    turns = [Say("whole: \ud83d\ude00, half: \ud83d."), Use.one("storage___wipe", bucket="\ud83d")]
    asking = start(turns, gateway_url=modern.url)
    text = "whole: \U0001f600, half: \ufffd."
    assert said(asking.ask("hi")).strip() == text
    (interrupt,) = interrupts(asking.ask("wipe"))
    assert interrupt["arguments"] == {"bucket": "\ufffd"}
    found = asking.query("conversation", id=asking.session)
    assert found["messages"][1]["content"][0]["text"].strip() == text


@pytest.mark.behaviour("AGENT-HISTORY")
def test_the_question_is_kept_even_when_nothing_answers(start: Start, modern: StandIn):
    asking = start([Fail(ConnectionError("gone")), Say("Back.")], gateway_url=modern.url)
    asking.ask("Where am I?")
    found = asking.query("conversation", id=asking.session)["messages"]
    assert [item["content"][0]["text"] for item in found] == ["Where am I?", "The answer was stopped."]
    assert said(asking.ask("And now?")).strip() == "Back."


@pytest.mark.behaviour("AGENT-HISTORY")
def test_a_store_that_cannot_be_read_is_no_empty_conversation(
    start: Start, modern: StandIn, kept: MemoryStore
):
    asking = start([Say("Hello."), Say("Again.")], gateway_url=modern.url)
    asking.ask("first")
    kept.failing = True
    assert error(asking.ask("second"))[0] == "STATE_ERROR"
    assert asking.query("conversation", id=asking.session)[0] == "STATE_ERROR"
    kept.failing = False
    asking.ask("third")
    assert asking.query("conversation", id=asking.session)["conversation"]["count"] == 4


def test_conversations_are_listed_page_by_page_and_deleted(start: Start, modern: StandIn):
    asking = start([Say("Hello.")] * 3, gateway_url=modern.url, gateway_auth="auto", tokens=Exchange())
    asking.headers = {"Authorization": f"Bearer {jwt('chat')}"}
    sessions = [f"session-number-{number}-of-enough-length" for number in range(3)]
    for asking.session in sessions:
        asking.ask(f"I am {asking.session[15]}")
    page = asking.query("conversations", limit=2)
    rest = asking.query("conversations", limit=2, cursor=page["cursor"])
    found = page["conversations"] + rest["conversations"]
    assert [item["id"] for item in found] == sessions[::-1]
    assert found[0]["title"] == "I am 2"
    assert rest["cursor"] == ""
    assert asking.query("delete", id=sessions[0]) == {"id": sessions[0]}
    assert asking.query("delete", id=sessions[0])[0] == "NOT_FOUND"
    assert asking.query("conversation", id=sessions[0])[0] == "NOT_FOUND"


@pytest.mark.behaviour("AGENT-OWNER")
def test_a_stranger_sees_nothing_of_a_conversation(start: Start, modern: StandIn):
    asking = start([CHANGE], gateway_url=modern.url, gateway_auth="auto", tokens=Exchange())
    asking.headers = {"Authorization": f"Bearer {jwt('chat')}"}
    (interrupt,) = interrupts(asking.ask("Change it"))
    mine = asking.session
    for headers in ({"Authorization": f"Bearer {jwt('mallory')}"}, {}):
        asking.headers = headers
        assert asking.query("conversations")["conversations"] == []
        assert asking.query("conversation", id=mine)[0] == "NOT_FOUND"
        assert asking.query("delete", id=mine)[0] == "NOT_FOUND"
        assert error(asking.answer(interrupt["id"], {"approved": True}))[0] == "UNKNOWN_INTERRUPT_ID"
        assert interrupts(asking.post({"resume": []})) == []
    assert modern.calls() == []


@pytest.mark.behaviour("AGENT-USER")
def test_a_signed_request_sees_its_session_and_with_trust_its_user(start: Start, modern: StandIn):
    asking = start([Say("Hello.")] * 2, gateway_url=modern.url)
    asking.headers = {USER_HEADER: "ada"}
    asking.ask("hi")
    mine = asking.session
    assert [item["id"] for item in asking.query("conversations")["conversations"]] == [mine]
    asking.session = "another-session-that-is-long-enough"
    assert asking.query("conversations")["conversations"] == []
    trusting = start([Say("Hello.")] * 2, gateway_url=modern.url, trust_user=True)
    trusting.headers = {USER_HEADER: "ada"}
    trusting.ask("hi")
    first, trusting.session = trusting.session, "a-third-session-that-is-long-enough"
    trusting.ask("hi")
    listed = trusting.query("conversations")["conversations"]
    assert {item["id"] for item in listed} == {first, trusting.session}
    trusting.headers = {USER_HEADER: "bob"}
    assert trusting.query("conversations")["conversations"] == []
    trusting.headers = {USER_HEADER: "b b"}
    assert trusting.query("conversations")[0] == "VALIDATION_ERROR"


def test_the_tools_are_told_with_whether_they_ask(start: Start, modern: StandIn):
    found = {tool["name"]: tool for tool in start([], gateway_url=modern.url).query("tools")["tools"]}
    assert found["accounts___change_email"]["asks"] is True
    assert found["accounts___get_email"]["asks"] is False
    assert found["accounts___get_email"]["inputSchema"]["properties"]["account_id"]["type"] == "string"
    assert found["aws-ops___ec2_read_operations"]["asks"] is False


@pytest.mark.parametrize(
    "payload",
    [
        {"query": "conversations"},
        {"query": {"name": "everything"}},
        {"query": {"name": "conversation"}},
        {"query": {"name": "conversations", "limit": "all"}},
        {"query": {"name": "conversations", "limit": 101}},
        {"query": {"name": "conversation", "id": "x", "after": -1}},
        {"cancel": 7},
        {"attach": "run"},
        {"attach": {"runId": "r", "after": True}},
    ],
)
def test_a_payload_of_another_shape_is_refused(start: Start, payload: object):
    assert error(start([]).post(payload))[0] == "VALIDATION_ERROR"
