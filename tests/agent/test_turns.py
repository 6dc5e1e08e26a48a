"""One question at a time, and what is left when one is stopped."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.agent.conftest import Start
from tests.kit.agent_client import Asking, error, interrupts, said
from tests.kit.mcp_gateway import StandIn
from tests.kit.scripted_model import Say, ScriptedModel, Use

WAIT = Use.one("demo___wait")
ASKS = Use.one("demo___hold")


@pytest.mark.behaviour("AGENT-BUSY")
def test_a_second_question_at_the_same_time_is_told_to_wait(start: Start, modern: StandIn):
    asking = start([WAIT, Say("Waited.")], gateway_url=modern.url)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(asking.ask, "wait")
        assert modern.entered.wait(20)
        assert error(asking.ask("me too"))[0] == "SESSION_BUSY"
        modern.release.set()
        assert said(first.result()).strip() == "Waited."


def stop_while_waiting(asking: Asking, modern: StandIn) -> None:
    headers = {"X-Amzn-Bedrock-AgentCore-Runtime-Session-Id": asking.session}
    with httpx2.stream(
        "POST", f"{asking.url}/invocations", json={"prompt": "wait"}, headers=headers
    ) as answer:
        lines = answer.iter_lines()
        while "TOOL_CALL_END" not in next(lines):
            pass
        assert modern.entered.wait(20)
    modern.release.set()


def ask_when_free(asking: Asking, prompt: str) -> str:
    """The answer goes on without its listener; until it has ended the session is busy."""
    for _ in range(2000):
        events = asking.ask(prompt)
        if events[-1].get("code") != "SESSION_BUSY":
            return said(events)
    raise AssertionError("the session stayed busy")


@pytest.mark.behaviour("AGENT-STOPPED")
def test_after_a_stopped_answer_the_conversation_goes_on(start: Start, modern: StandIn):
    model = ScriptedModel([WAIT, Say("Here."), Say("Here.")])
    asking = start(model, gateway_url=modern.url)
    stop_while_waiting(asking, modern)
    assert ask_when_free(asking, "still there?").strip() == "Here."
    roles = [message["role"] for message in model.asked[-1]]
    assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
    results = [block for message in model.asked[-1] for block in message["content"] if "toolResult" in block]
    assert len(results) == 1
    assert "wait" in json.dumps(model.asked[-1][0])


@pytest.mark.behaviour("AGENT-APPROVAL-ONCE")
@pytest.mark.behaviour("AGENT-STOPPED")
def test_a_yes_is_spent_before_the_call_is_made_even_if_the_process_ends_in_it(start: Start, modern: StandIn):
    first = start([ASKS, Say("Waited.")], gateway_url=modern.url)
    (interrupt,) = interrupts(first.ask("wait"))
    model = ScriptedModel([Say("I cannot tell.")])
    with ThreadPoolExecutor() as pool:
        running = pool.submit(first.answer, interrupt["id"], {"approved": True})
        assert modern.entered.wait(20)
        # A second process on the same storage sees what a killed first one would have left behind.
        second = start(model, gateway_url=modern.url)
        second.session = first.session
        assert error(second.answer(interrupt["id"], {"approved": True}))[0] == "UNKNOWN_INTERRUPT_ID"
        assert said(second.ask("Was it done?")).strip() == "I cannot tell."
        modern.release.set()
        running.result()
    assert "may or may not have been carried out" in json.dumps(model.asked[0])
    assert modern.calls() == ["demo___hold"]
