"""A person decides about every call that is not read-only."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from skerry.agent.approvals import digest
from tests.agent.conftest import Start
from tests.kit.agent_client import Asking, Events, error, interrupts, kinds, said
from tests.kit.mcp_gateway import StandIn
from tests.kit.scripted_model import Fail, Say, ScriptedModel, Use

CHANGE = Use.one("accounts___change_email", account_id="12345", new_email="mynew@email.com")


def paused(asking: Asking) -> str:
    """The id of the question that a change raises."""
    (interrupt,) = interrupts(asking.ask("Change the email for account 12345 to mynew@email.com"))
    return str(interrupt["id"])


@pytest.mark.behaviour("AGENT-CONFIRM")
def test_a_change_pauses_with_the_tool_and_its_exact_arguments(start: Start, stand_in: StandIn):
    asking = start([CHANGE], gateway_url=stand_in.url)
    events = asking.ask("Change the email for account 12345 to mynew@email.com")
    (interrupt,) = interrupts(events)
    call = next(event for event in events if event["type"] == "TOOL_CALL_START")
    assert interrupt.pop("id")
    assert interrupt.pop("message")
    assert interrupt.pop("digest") == digest(interrupt["toolName"], interrupt["arguments"])
    assert interrupt.pop("expires") > time.time()
    assert interrupt == {
        "reason": "approval_required",
        "toolCallId": call["toolCallId"],
        "toolName": "accounts___change_email",
        "arguments": {"account_id": "12345", "new_email": "mynew@email.com"},
    }
    assert stand_in.calls() == []


@pytest.mark.behaviour("AGENT-CONFIRM")
@pytest.mark.behaviour("AGENT-ONE-QUESTION")
def test_a_yes_makes_the_call_and_the_server_is_answered_for_the_person(start: Start, stand_in: StandIn):
    asking = start([CHANGE, Say("Done.")], gateway_url=stand_in.url)
    events = asking.answer(paused(asking), {"approved": True})
    assert stand_in.emails == {"12345": "mynew@email.com"}
    assert stand_in.questions == ["Change the address of 12345 to mynew@email.com?"]
    assert stand_in.answers == ["accept"]
    assert "TOOL_CALL_RESULT" in kinds(events)
    assert said(events).strip() == "Done."


@pytest.mark.behaviour("AGENT-CONFIRM")
@pytest.mark.parametrize(
    ("payload", "status"),
    [
        ({"approved": False}, "resolved"),
        ({"approved": True}, "cancelled"),
        ({"approved": "true"}, "resolved"),
        ({"approved": 1}, "resolved"),
        ("y", "resolved"),
        (None, "resolved"),
    ],
)
def test_whatever_is_not_a_clear_yes_changes_nothing_and_says_so(
    start: Start, modern: StandIn, payload: Any, status: str
):
    asking = start([CHANGE], gateway_url=modern.url)
    events = asking.answer(paused(asking), payload, status)
    assert modern.calls() == []
    assert modern.emails == {"12345": "user@example.com"}
    assert said(events) == "Nothing was changed: accounts___change_email was not confirmed."
    assert events[-1]["outcome"] == {"type": "success"}


@pytest.mark.behaviour("AGENT-APPROVAL-ONCE")
def test_an_answer_holds_once(start: Start, modern: StandIn):
    asking = start([CHANGE, Say("Done."), CHANGE, Say("Done.")], gateway_url=modern.url)
    identifier = paused(asking)
    asking.answer(identifier, {"approved": True})
    assert error(asking.answer(identifier, {"approved": True}))[0] == "UNKNOWN_INTERRUPT_ID"
    assert paused(asking) != identifier
    assert modern.calls().count("accounts___change_email") == 2  # one call: the question, and the call again


@pytest.mark.behaviour("AGENT-APPROVAL-ONCE")
def test_an_unknown_question_cannot_be_answered(start: Start, modern: StandIn):
    asking = start([CHANGE, Say("Done.")], gateway_url=modern.url)
    assert error(asking.answer("nothing", {"approved": True}))[0] == "UNKNOWN_INTERRUPT_ID"
    identifier = paused(asking)
    assert error(asking.answer("nothing", {"approved": True}))[0] == "UNKNOWN_INTERRUPT_ID"
    assert modern.calls() == []
    asking.answer(identifier, {"approved": True})
    assert modern.emails == {"12345": "mynew@email.com"}


@pytest.mark.behaviour("AGENT-PENDING")
def test_a_new_question_is_refused_while_one_is_open(start: Start, modern: StandIn):
    asking = start([CHANGE, Say("Done.")], gateway_url=modern.url)
    identifier = paused(asking)
    code, text = error(asking.ask("yes"))
    assert code == "PENDING_INTERRUPTS"
    assert identifier in text
    (again,) = interrupts(asking.post({"resume": []}))
    assert again["id"] == identifier
    assert again["arguments"] == {"account_id": "12345", "new_email": "mynew@email.com"}
    asking.answer(identifier, {"approved": True})
    assert modern.emails == {"12345": "mynew@email.com"}


@pytest.mark.behaviour("AGENT-RESTART")
@pytest.mark.parametrize(("approved", "address"), [(True, "mynew@email.com"), (False, "user@example.com")])
def test_a_pause_survives_a_restart(start: Start, stand_in: StandIn, approved: bool, address: str):
    first = start([CHANGE], gateway_url=stand_in.url)
    identifier = paused(first)
    second = start([Say("Done.")], gateway_url=stand_in.url)
    second.session = first.session
    assert error(second.ask("hello?"))[0] == "PENDING_INTERRUPTS"
    second.answer(identifier, {"approved": approved})
    assert stand_in.emails == {"12345": address}


@pytest.mark.behaviour("AGENT-APPROVAL-LATE")
def test_a_late_yes_is_a_no(start: Start, modern: StandIn):
    now = [1_000_000.0]
    asking = start(
        [CHANGE], gateway_url=modern.url, gateway_auth="none", clock=lambda: now[0], approval_time=900
    )
    identifier = paused(asking)
    now[0] += 900
    assert "Nothing was changed" in said(asking.answer(identifier, {"approved": True}))
    assert modern.calls() == []


@pytest.mark.behaviour("AGENT-APPROVAL-LATE")
def test_after_its_time_an_open_question_counts_as_refused(start: Start, modern: StandIn):
    now = [1_000_000.0]
    model = ScriptedModel([CHANGE, Say("Hello.")])
    asking = start(
        model, gateway_url=modern.url, gateway_auth="none", clock=lambda: now[0], approval_time=900
    )
    identifier = paused(asking)
    now[0] += 900
    assert asking.query("conversation", id=asking.session)["interrupts"] == []
    assert interrupts(asking.post({"resume": []})) == []
    assert said(asking.ask("hello?")).strip() == "Hello."
    history = json.dumps(model.asked[-1])
    assert "Not confirmed" in history
    assert "Nothing was changed: accounts___change_email was not confirmed." in history
    assert error(asking.answer(identifier, {"approved": True}))[0] == "UNKNOWN_INTERRUPT_ID"
    assert modern.calls() == []


def test_another_session_cannot_answer(start: Start, modern: StandIn):
    asking = start([CHANGE], gateway_url=modern.url)
    identifier = paused(asking)
    asking.session = "another-session-that-is-long-enough"
    assert error(asking.answer(identifier, {"approved": True}))[0] == "UNKNOWN_INTERRUPT_ID"
    assert modern.calls() == []


@pytest.mark.behaviour("AGENT-READ-ONLY")
def test_a_listing_without_annotations_asks_unless_its_name_is_allowed(start: Start, modern: StandIn):
    asking = start(
        [
            Use.one("aws-ops___ec2_read_operations", operation="list"),
            Say("Three."),
            Use.one("storage___wipe", bucket="b"),
        ],
        gateway_url=modern.url,
    )
    assert said(asking.ask("List my instances")).strip() == "Three."
    (interrupt,) = interrupts(asking.ask("Empty b"))
    assert interrupt["toolName"] == "storage___wipe"
    assert modern.wiped == 0


@pytest.mark.behaviour("AGENT-READ-ONLY")
def test_without_patterns_only_annotations_count(start: Start, modern: StandIn):
    asking = start(
        [Use.one("aws-ops___ec2_read_operations", operation="list")], gateway_url=modern.url, read_only=()
    )
    (interrupt,) = interrupts(asking.ask("List my instances"))
    assert interrupt["toolName"] == "aws-ops___ec2_read_operations"


def test_of_two_calls_each_is_asked_for_and_a_no_to_one_leaves_the_other(start: Start, modern: StandIn):
    both = Use((("storage___wipe", {"bucket": "a"}), ("storage___wipe", {"bucket": "b"})))
    asking = start([both, Say("One was emptied.")], gateway_url=modern.url)
    (first,) = interrupts(asking.ask("Empty a and b"))
    assert first["arguments"] == {"bucket": "a"}
    (second,) = interrupts(asking.answer(first["id"], {"approved": False}))
    assert second["arguments"] == {"bucket": "b"}
    events = asking.answer(second["id"], {"approved": True})
    assert modern.wiped == 1
    assert said(events).strip() == "One was emptied."


def test_a_read_beside_a_change_is_not_lost(start: Start, modern: StandIn):
    both = Use((("accounts___get_email", {"account_id": "12345"}), ("storage___wipe", {"bucket": "b"})))
    asking = start([both, Say("Done.")], gateway_url=modern.url)
    (interrupt,) = interrupts(asking.ask("Both"))
    results = results_of(asking.answer(interrupt["id"], {"approved": False}))
    assert results[0]["text"] == "user@example.com"
    assert modern.calls() == ["accounts___get_email"]


def test_a_yes_that_ends_with_a_broken_model_is_spent(start: Start, modern: StandIn):
    asking = start(
        [Use.one("storage___wipe", bucket="b"), Fail(ConnectionError("gone")), Say("Hello.")],
        gateway_url=modern.url,
    )
    (interrupt,) = interrupts(asking.ask("Empty b"))
    assert error(asking.answer(interrupt["id"], {"approved": True}))[0] in ("AGENT_ERROR", "MODEL_ERROR")
    assert modern.wiped == 1
    assert error(asking.answer(interrupt["id"], {"approved": True}))[0] == "UNKNOWN_INTERRUPT_ID"
    assert said(asking.ask("hi")).strip() == "Hello."
    assert modern.wiped == 1


def test_a_gateway_that_is_gone_at_the_answer_leaves_the_question_open(start: Start, modern: StandIn):
    asking = start([CHANGE, Say("Done.")], gateway_url=modern.url)
    identifier = paused(asking)
    modern.guard = lambda headers, body, path: (503, "later")
    assert error(asking.answer(identifier, {"approved": True}))[0] == "GATEWAY_ERROR"
    modern.guard = lambda headers, body, path: None
    asking.answer(identifier, {"approved": True})
    assert modern.emails == {"12345": "mynew@email.com"}


@pytest.mark.parametrize(
    "resume", ["yes", {}, [1], [{}], [{"interruptId": "x", "status": "maybe"}], [{}] * 51]
)
def test_an_answer_of_another_shape_is_refused(start: Start, modern: StandIn, resume: Any):
    assert error(start([], gateway_url=modern.url).post({"resume": resume}))[0] == "VALIDATION_ERROR"


def test_the_model_learns_of_a_no(start: Start, modern: StandIn):
    model = ScriptedModel([CHANGE, Say("As you wish.")])
    asking = start(model, gateway_url=modern.url)
    asking.answer(paused(asking), {"approved": False})
    asking.ask("Did you change it?")
    history = json.dumps(model.asked[1])
    assert "Not confirmed" in history
    assert "Nothing was changed" in history


def results_of(events: Events) -> Events:
    return [
        block
        for event in events
        if event["type"] == "TOOL_CALL_RESULT"
        for block in json.loads(event["content"])
    ]
