"""What ends and what stays: connections, expired conversations, a process that is told to end."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from pathlib import Path

import httpx2
import pytest

from skerry.agent.app import build
from skerry.agent.desk import Request
from skerry.agent.errors import AgentError
from skerry.agent.identity import Caller
from skerry.agent.operations import Operations
from skerry.agent.sources import desk
from skerry.settings import AgentSettings
from tests.agent.test_program import program
from tests.kit.agent_client import running, said
from tests.kit.bedrock import bedrock
from tests.kit.clock import FakeClock
from tests.kit.mcp_gateway import StandIn
from tests.kit.memory_store import MemoryStore
from tests.kit.scripted_model import Say, ScriptedModel, Use

READ = Use.one("accounts___get_email", account_id="12345")
ME = Caller("me")


def operations(
    store: MemoryStore, url: str, turns: int, *, limit: int = 200, idle: float = 300
) -> Operations:
    settings = AgentSettings(gateway_url=url, gateway_auth="none")
    model = ScriptedModel([READ, Say("Hello.")] * turns)
    return Operations(desk(settings, model=model, store=store, idle=idle), limit=limit)


async def answered(office: Operations, conversation: str) -> None:
    live = await office.begin(conversation, Request("hi", ME))
    kinds = [event["type"] async for event in live.listen()]
    assert kinds[-1] == "RUN_FINISHED"


def connections() -> set[threading.Thread]:
    """The threads of open connections, Strands has one for each (as any thread that calls some `run`)."""
    return {thread for thread in threading.enumerate() if thread.name.endswith("(run)")}


async def test_a_connection_without_work_is_closed(modern: StandIn, kept: MemoryStore):
    before = connections()
    office = operations(kept, modern.url, 2, idle=0.5)
    await answered(office, "c" * 36)
    opened = connections() - before
    assert len(opened) == 1
    for thread in opened:
        await asyncio.to_thread(thread.join, 10)
    assert connections() == before
    await answered(office, "c" * 36)
    await office.close()
    assert connections() == before


async def test_idle_conversations_beyond_the_limit_are_let_go(modern: StandIn, kept: MemoryStore):
    office = operations(kept, modern.url, 4, limit=2)
    first = office.conversation_of("me", "a" * 36)
    assert office.conversation_of("me", "a" * 36) is first
    assert office.conversation_of("you", "a" * 36) is not first
    await answered(office, "b" * 36)  # its run is kept for listeners, so it is not idle
    used = office.conversation_of("me", "b" * 36)
    office.conversation_of("me", "d" * 36)
    office.conversation_of("me", "e" * 36)
    assert office.conversation_of("me", "b" * 36) is used
    assert office.conversation_of("me", "a" * 36) is not first
    await office.close()


@pytest.mark.behaviour("AGENT-THROTTLED")
@pytest.mark.parametrize(("most", "most_of_one", "you"), [(1, 9, True), (9, 1, False)])
async def test_answers_under_way_are_bounded_for_the_process_and_for_each_caller(
    modern: StandIn, kept: MemoryStore, most: int, most_of_one: int, *, you: bool
):
    settings = AgentSettings(gateway_url=modern.url, gateway_auth="none")
    model = ScriptedModel([Use.one("demo___wait"), Say("Waited."), Say("Hello.")])
    made = desk(settings, model=model, store=kept)
    office = Operations(made, most=most, most_of_one=most_of_one)
    live = await office.begin("a" * 36, Request("wait", ME))
    assert await asyncio.to_thread(modern.entered.wait, 20)
    with pytest.raises(AgentError) as refused:
        await office.begin("b" * 36, Request("hi", Caller("you") if you else ME))
    assert refused.value.kind == "THROTTLED"
    modern.release.set()
    assert [event["type"] async for event in live.listen()][-1] == "RUN_FINISHED"
    await answered(office, "b" * 36)
    await office.close()


async def test_expired_conversations_are_deleted_in_passing(modern: StandIn):
    clock = FakeClock()
    store = MemoryStore(clock=clock.time, lifetime=10)
    store.create("you", "old")
    clock.advance(11)
    office = operations(store, modern.url, 1)
    await answered(office, "c" * 36)
    await office.close()
    assert set(store.kept) == {"c" * 36}


@pytest.mark.behaviour("AGENT-STOPPED")
def test_a_program_that_is_told_to_end_leaves_a_conversation_that_goes_on(modern: StandIn, tmp_path: Path):
    with bedrock([Use.one("demo___wait"), Say("Here.")]) as model:
        where = {"AWS_ENDPOINT_URL": model.url, "SKERRY_GATEWAY_URL": modern.url}
        with program(tmp_path, **where) as asking:
            assert asking.process is not None
            with asking.listening("wait") as events:
                next(events)
                assert modern.entered.wait(20)
                asking.process.terminate()
                with pytest.raises(httpx2.RemoteProtocolError):
                    list(events)
            assert asking.process.wait(10) in (0, -signal.SIGTERM)
        modern.release.set()
        with program(tmp_path, **where) as again:
            again.session = asking.session
            found = again.query("conversation", id=again.session)
            assert found["messages"][-1]["content"][0]["text"] == "The answer was stopped."
            assert said(again.ask("still there?")) == "Here."
    assert "may or may not have been carried out" in json.dumps(model.asked[-1][2])


def test_an_agent_that_was_never_asked_ends_at_once(kept: MemoryStore):
    with running(build(AgentSettings(), model=ScriptedModel([]), store=kept)):
        pass
