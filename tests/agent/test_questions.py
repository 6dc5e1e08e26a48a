"""Questions that a tool's server asks in the middle of a call: they reach the person, and the call goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from skerry.agent.approvals import digest
from tests.agent.conftest import Start
from tests.kit.agent_client import Events, error, interrupts, kinds, said
from tests.kit.mcp_gateway import StandIn, gateway
from tests.kit.scripted_model import Say, ScriptedModel, Use

RATE = Use.one("demo___rate", thing="tea")
LOOK = Use.one("demo___look")


def result(events: Events) -> Any:
    """What the tool gave back."""
    (found,) = [event for event in events if event["type"] == "TOOL_CALL_RESULT"]
    return json.loads(json.loads(found["content"])[0]["text"])


@pytest.mark.behaviour("AGENT-ELICITATION")
def test_a_form_reaches_the_person_and_the_call_goes_on_with_the_answer(start: Start, stand_in: StandIn):
    model = ScriptedModel([RATE, Say("Thank you.")])
    asking = start(model, gateway_url=stand_in.url)
    events = asking.ask("Rate the tea")
    (interrupt,) = interrupts(events)
    call = next(event for event in events if event["type"] == "TOOL_CALL_START")
    assert interrupt["reason"] == "elicitation"
    assert interrupt["toolCallId"] == call["toolCallId"]
    assert interrupt["toolName"] == "demo___rate"
    assert interrupt["message"] == "How good is tea?"
    assert set(interrupt["responseSchema"]["properties"]) == {"stars", "words"}
    assert events[-1]["usage"]["model"] == "local-router"
    answered = asking.answer(interrupt["id"], {"approved": True, "content": {"stars": 5, "words": "good"}})
    assert answered[0]["type"] == "RUN_STARTED"
    assert answered[0]["runId"] != events[0]["runId"]
    assert result(answered) == {"action": "accept", "stars": 5, "words": "good"}
    assert said(answered).strip() == "Thank you."
    assert stand_in.questions == ["How good is tea?"]
    assert len(model.asked) == 2
    assert error(asking.answer(interrupt["id"], {"approved": True}))[0] == "UNKNOWN_INTERRUPT_ID"


@pytest.mark.behaviour("AGENT-ELICITATION")
@pytest.mark.parametrize(
    ("payload", "status", "action"),
    [
        ({"approved": False}, "resolved", "decline"),
        (None, "cancelled", "cancel"),
        ("yes", "resolved", "decline"),
    ],
)
def test_a_form_that_is_not_filled_in_is_told_to_the_server(
    start: Start, modern: StandIn, payload: Any, status: str, action: str
):
    asking = start([RATE, Say("As you wish.")], gateway_url=modern.url)
    (interrupt,) = interrupts(asking.ask("Rate the tea"))
    assert result(asking.answer(interrupt["id"], payload, status))["action"] == action
    assert modern.answers == [action]


@pytest.mark.behaviour("AGENT-ELICITATION")
def test_a_form_that_is_filled_in_wrong_stays_open(start: Start, modern: StandIn):
    asking = start([RATE, Say("Thank you.")], gateway_url=modern.url)
    (interrupt,) = interrupts(asking.ask("Rate the tea"))
    code, text = error(asking.answer(interrupt["id"], {"approved": True, "content": {"stars": "five"}}))
    assert (code, "stars" in text) == ("VALIDATION_ERROR", True)
    assert error(asking.ask("hello?"))[0] == "PENDING_INTERRUPTS"
    (again,) = interrupts(asking.post({"resume": []}))
    assert again == interrupt
    assert asking.query("conversation", id=asking.session)["interrupts"] == [interrupt]
    assert result(asking.answer(interrupt["id"], {"approved": True, "content": {"stars": 4}}))["stars"] == 4


@pytest.mark.behaviour("AGENT-ELICITATION")
def test_a_yes_or_no_of_a_server_is_asked_like_an_approval(start: Start, stand_in: StandIn):
    asking = start([LOOK, Say("Seen.")], gateway_url=stand_in.url)
    (interrupt,) = interrupts(asking.ask("Look"))
    assert interrupt["reason"] == "approval_required"
    assert interrupt["message"] == "Look at it?"
    assert interrupt["arguments"] == {}
    assert interrupt["digest"] == digest("demo___look", {})
    events = asking.answer(interrupt["id"], {"approved": True})
    assert result(events) == {"action": "accept", "confirm": True}
    assert stand_in.questions == ["Look at it?"]


@pytest.mark.behaviour("AGENT-ELICITATION")
@pytest.mark.behaviour("AGENT-ONE-QUESTION")
def test_an_approval_does_not_fill_in_a_form(start: Start, modern: StandIn):
    asking = start([Use.one("demo___both"), Say("Thank you.")], gateway_url=modern.url)
    (approval,) = interrupts(asking.ask("Both"))
    assert approval["reason"] == "approval_required"
    (form,) = interrupts(asking.answer(approval["id"], {"approved": True}))
    assert form["reason"] == "elicitation"
    events = asking.answer(form["id"], {"approved": True, "content": {"stars": 1}})
    assert result(events)["stars"] == 1
    assert said(events).strip() == "Thank you."


@pytest.mark.behaviour("AGENT-PAGE")
@pytest.mark.parametrize(
    ("payload", "status", "action"),
    [
        ({"approved": True}, "resolved", "accept"),
        ({"approved": False}, "resolved", "decline"),
        (None, "cancelled", "cancel"),
    ],
)
def test_a_page_is_the_persons_to_open(start: Start, modern: StandIn, payload: Any, status: str, action: str):
    modern.answers.clear()
    use = Use.one("demo___page", url="https://page.example/1")
    asking = start([use, Say("Thank you.")], gateway_url=modern.url)
    (interrupt,) = interrupts(asking.ask("Sign me in"))
    asked = (interrupt["reason"], interrupt["mode"], interrupt["url"], interrupt["message"])
    assert asked == ("elicitation", "url", "https://page.example/1", "Sign in.")
    assert "responseSchema" not in interrupt
    assert result(asking.answer(interrupt["id"], payload, status)) == {"action": action}
    assert modern.answers == [action]


@pytest.mark.behaviour("AGENT-PAGE")
def test_a_page_that_nobody_should_open_is_declined(start: Start, modern: StandIn):
    use = Use.one("demo___page", url="http://page.example/1")
    asking = start([use, Say("No.")], gateway_url=modern.url)
    assert result(asking.ask("Sign me in")) == {"action": "decline"}


@pytest.mark.behaviour("AGENT-ELICITATION")
def test_a_question_without_an_answer_ends_as_no_and_the_answer_goes_on(start: Start, modern: StandIn):
    asking = start([RATE, Say("Nobody was there."), Say("Hello.")], gateway_url=modern.url, question_time=0.5)
    (interrupt,) = interrupts(asking.ask("Rate the tea"))
    while asking.query("conversation", id=asking.session)["run"]:
        pass
    assert modern.answers == ["cancel"]
    late = asking.answer(interrupt["id"], {"approved": True, "content": {"stars": 5}})
    assert error(late)[0] == "UNKNOWN_INTERRUPT_ID"
    said_last = asking.query("conversation", id=asking.session)["messages"][-1]
    assert said_last["content"][0]["text"].strip() == "Nobody was there."
    assert said(asking.ask("hi")).strip() == "Hello."


@pytest.mark.behaviour("AGENT-ELICITATION")
def test_the_time_of_a_call_does_not_run_while_a_person_thinks(start: Start, stand_in: StandIn):
    now = [1_000_000.0]
    asking = start(
        [RATE, Say("Thank you.")],
        gateway_url=stand_in.url,
        gateway_auth="none",
        tool_time=1.5,
        answer_time=20,
        clock=lambda: now[0],
    )
    (interrupt,) = interrupts(asking.ask("Rate the tea"))
    until = time.monotonic() + 2
    while time.monotonic() < until:
        assert interrupts(asking.post({"resume": []})) == [interrupt]
    events = asking.answer(interrupt["id"], {"approved": True, "content": {"stars": 5}})
    assert result(events)["stars"] == 5


@pytest.mark.behaviour("AGENT-CANCEL")
def test_an_answer_that_waits_for_a_person_can_be_stopped(start: Start, modern: StandIn):
    model = ScriptedModel([RATE, Say("Hello.")])
    asking = start(model, gateway_url=modern.url)
    events = asking.ask("Rate the tea")
    (interrupt,) = interrupts(events)
    run = events[0]["runId"]
    assert asking.cancel(run) == {"runId": run, "wasRunning": True}
    answer = {"approved": True, "content": {"stars": 5}}
    assert error(asking.answer(interrupt["id"], answer))[0] == "UNKNOWN_INTERRUPT_ID"
    assert said(asking.ask("hi")).strip() == "Hello."
    assert "may or may not have been carried out" in json.dumps(model.asked[-1])


@pytest.mark.behaviour("AGENT-ELICITATION")
def test_a_question_whose_process_has_ended_is_no_longer_open(start: Start, modern: StandIn):
    first = start([RATE], gateway_url=modern.url)
    (interrupt,) = interrupts(first.ask("Rate the tea"))
    model = ScriptedModel([Say("Hello.")])
    second = start(model, gateway_url=modern.url)
    second.session = first.session
    answer = {"approved": True, "content": {"stars": 5}}
    assert error(second.answer(interrupt["id"], answer))[0] == "UNKNOWN_INTERRUPT_ID"
    assert kinds(second.ask("hi"))[-1] == "RUN_FINISHED"
    assert "may or may not have been carried out" in json.dumps(model.asked[-1])


CONSENT = "https://page.example/consent?state=SECRET"
CONNECTED = Use.one("demo___connected", url=CONSENT)


@pytest.fixture
def old() -> Iterator[StandIn]:
    with gateway(legacy=True) as running_gateway:
        yield running_gateway


@pytest.mark.behaviour("AGENT-PAGE-FIRST")
def test_a_page_that_a_gateway_wants_first_is_shown_and_the_call_made_again_once(start: Start, old: StandIn):
    model = ScriptedModel([CONNECTED, Say("Connected.")])
    asking = start(model, gateway_url=old.url)
    (interrupt,) = interrupts(asking.ask("Connect me"))
    asked = (interrupt["reason"], interrupt["mode"], interrupt["url"], interrupt["message"])
    assert asked == ("elicitation", "url", CONSENT, "Please agree.")
    assert interrupt["toolName"] == "demo___connected"
    assert len(old.calls()) == 1
    old.opened.add(CONSENT)  # the person agrees there, then says so here
    events = asking.answer(interrupt["id"], {"approved": True})
    (found,) = [event for event in events if event["type"] == "TOOL_CALL_RESULT"]
    assert "It acts for you." in found["content"]
    assert len(old.calls()) == 2
    assert said(events).strip() == "Connected."


@pytest.mark.behaviour("AGENT-PAGE-FIRST")
@pytest.mark.parametrize(
    ("payload", "status", "told", "calls"),
    [
        ({"approved": False}, "resolved", "they did not", 1),
        (None, "cancelled", "they did not", 1),
        ({"approved": True}, "resolved", "needs one still", 2),  # said to be done, and is not
    ],
)
def test_a_page_that_was_not_opened_is_told_to_the_model_without_its_link(
    start: Start, old: StandIn, payload: Any, status: str, told: str, calls: int
):
    model = ScriptedModel([CONNECTED, Say("Not connected.")])
    asking = start(model, gateway_url=old.url)
    (interrupt,) = interrupts(asking.ask("Connect me"))
    events = asking.answer(interrupt["id"], payload, status)
    (found,) = [event for event in events if event["type"] == "TOOL_CALL_RESULT"]
    assert told in found["content"]
    assert "page.example" not in found["content"]
    assert found["metadata"] == {"status": "error"}
    assert len(old.calls()) == calls
    assert said(events).strip() == "Not connected."


@pytest.mark.behaviour("AGENT-PAGE-FIRST")
@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://page.example/", "https://a@page.example/"])
def test_a_page_that_nobody_should_open_is_not_shown_and_the_call_not_made(
    start: Start, old: StandIn, url: str
):
    asking = start([Use.one("demo___connected", url=url), Say("No.")], gateway_url=old.url)
    events = asking.ask("Connect me")
    assert interrupts(events) == []
    (found,) = [event for event in events if event["type"] == "TOOL_CALL_RESULT"]
    assert "they did not" in found["content"]
    assert len(old.calls()) == 1
