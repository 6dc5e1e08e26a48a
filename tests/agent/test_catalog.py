"""Lists of tools: kept for an identity, shared by its conversations, and dropped when they change."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from skerry.agent.catalog import Catalog
from tests.agent.conftest import Start
from tests.agent.test_identity import Exchange, jwt
from tests.kit.agent_client import error, said
from tests.kit.changing_gateway import changing_gateway
from tests.kit.clock import FakeClock
from tests.kit.mcp_gateway import StandIn
from tests.kit.scripted_model import Say, ScriptedModel, Use


class Listing:
    """Gives a new list each time."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self) -> Any:
        self.count += 1
        await asyncio.sleep(0)
        return [self.count]


def catalog(clock: FakeClock) -> Catalog:
    return Catalog(clock=clock.monotonic, lifetime=300)


@pytest.mark.behaviour("AGENT-TOOLS")
async def test_a_list_serves_its_identity_until_it_expires_or_is_forgotten():
    clock, listing = FakeClock(), Listing()
    tools = catalog(clock)
    assert await tools.tools("me", listing) == [1]
    assert await tools.tools("me", listing) == [1]
    assert await tools.tools("you", listing) == [2]
    clock.advance(299)
    assert await tools.tools("me", listing) == [1]
    clock.advance(1)
    assert await tools.tools("me", listing) == [3]
    tools.forget("me")
    tools.forget("nobody")
    assert await tools.tools("me", listing) == [4]
    assert await tools.tools("me", listing, fresh=True) == [5]


async def test_many_that_ask_at_once_wait_for_one_listing():
    tools, listing = catalog(FakeClock()), Listing()
    assert await asyncio.gather(*(tools.tools("me", listing) for _ in range(20))) == [[1]] * 20


async def test_a_listing_that_was_overtaken_by_a_change_is_made_again():
    tools = catalog(FakeClock())

    async def overtaken() -> Any:
        tools.forget("me")
        return ["old"]

    assert await tools.tools("me", overtaken) == ["old"]
    assert await tools.tools("me", Listing()) == [1]


async def test_a_listing_that_fails_is_not_kept():
    tools = catalog(FakeClock())

    async def failing() -> Any:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        await tools.tools("me", failing)
    assert await tools.tools("me", Listing()) == [1]


def listings(stand_in: StandIn) -> int:
    return len([item for item in stand_in.seen if item.method == "tools/list"])


@pytest.mark.behaviour("AGENT-TOOLS")
def test_a_second_conversation_of_an_identity_asks_the_gateway_nothing(start: Start, stand_in: StandIn):
    asking = start([Say("Hello.")] * 3, gateway_url=stand_in.url)
    asking.ask("first")
    before = len(stand_in.seen)
    asking.session = "another-session-that-is-long-enough"
    assert said(asking.ask("second")).strip() == "Hello."
    assert len(stand_in.seen) == before


@pytest.mark.behaviour("AGENT-TOOLS")
def test_another_callers_list_is_his_own(start: Start, modern: StandIn):
    asking = start([Say("Hello.")] * 2, gateway_url=modern.url, gateway_auth="auto", tokens=Exchange())
    for name, session in (("chat", "a" * 36), ("other", "b" * 36)):
        asking.headers, asking.session = {"Authorization": f"Bearer {jwt(name)}"}, session
        asking.ask("hi")
    assert listings(modern) == 2


@pytest.mark.behaviour("AGENT-TOOLS")
def test_the_run_is_announced_before_the_gateway_answers(start: Start, modern: StandIn):
    answer = threading.Event()

    def slow(headers: Any, body: bytes, path: str) -> None:
        assert answer.wait(20)

    modern.guard = slow
    asking = start([Say("Hello.")], gateway_url=modern.url)
    with asking.listening("hi") as events:
        assert next(events)["type"] == "RUN_STARTED"
        answer.set()
        assert [event["type"] for event in events][-1] == "RUN_FINISHED"


@pytest.mark.behaviour("AGENT-TOOLS")
@pytest.mark.parametrize("legacy", [False, True])
def test_tools_that_are_new_are_there_after_the_gateway_told_so(start: Start, legacy: bool):
    with changing_gateway(legacy=legacy) as growing:
        turns = [Use.one("demo___grow"), Say("Grown."), *[Say("Hello.")] * 500]
        model = ScriptedModel(turns)
        asking = start(model, gateway_url=growing.url)
        asking.ask("Grow")
        assert "demo___grown" not in model.tools[-1]
        while "demo___grown" not in model.tools[-1]:  # the news is on its way; it expires long after the test
            asking.ask("What can you do?")


@pytest.mark.behaviour("AGENT-TOOLS")
def test_a_gateway_that_is_gone_at_a_call_is_told_to_the_model_and_not_taken_for_done(
    start: Start, modern: StandIn
):
    model = ScriptedModel([Say("Hello."), Use.one("accounts___get_email", account_id="12345"), Say("Sorry.")])
    asking = start(model, gateway_url=modern.url)
    asking.ask("hi")
    asking.session = "another-session-that-is-long-enough"
    modern.guard = lambda headers, body, path: (503, "later")
    assert said(asking.ask("What is it?")).strip() == "Sorry."
    (result,) = model.asked[-1][-1]["content"]
    assert result["toolResult"]["status"] == "error"
    assert "503" in result["toolResult"]["content"][0]["text"]
    third = Use.one("accounts___get_email", account_id="12345")
    modern.guard = lambda headers, body, path: None
    model.turns += [third, Say("It is there.")]
    assert said(asking.ask("And now?")).strip() == "It is there."


def test_a_call_that_takes_too_long_is_an_error_of_that_call(start: Start, modern: StandIn):
    model = ScriptedModel([Use.one("demo___wait"), Say("It took too long.")])
    asking = start(model, gateway_url=modern.url, tool_time=0.5)
    assert said(asking.ask("wait")).strip() == "It took too long."
    modern.release.set()
    (result,) = model.asked[-1][-1]["content"]
    assert "may or may not have been carried out" in result["toolResult"]["content"][0]["text"]


def test_without_a_gateway_a_question_ends_with_what_is_missing(start: Start):
    assert error(start([]).ask("hi"))[0] == "CONFIGURATION_ERROR"
