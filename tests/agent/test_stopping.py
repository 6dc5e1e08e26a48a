"""Answers that are stopped at an awkward moment: nothing of a conversation is lost, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from skerry.agent.approvals import Answer
from skerry.agent.desk import Request
from skerry.agent.errors import AgentError
from skerry.agent.identity import Caller
from skerry.agent.memory import Memory
from skerry.agent.operations import Operations
from skerry.agent.runs import LiveRun
from skerry.agent.sources import desk
from skerry.auth.aws.sigv4 import Credentials
from skerry.settings import AgentSettings
from skerry.store.records import Conversation, Draft, State
from tests.agent.test_lifetime import connections
from tests.kit.mcp_gateway import StandIn, gateway
from tests.kit.memory_store import MemoryStore
from tests.kit.scripted_model import Fail, Say, ScriptedModel, Use

ME = Caller("me")
ID = "c" * 36


@dataclass
class SlowStore(MemoryStore):
    """A store whose write number `held` waits until it is `released`."""

    held: int = 0
    waiting: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def write(
        self,
        conversation: Conversation,
        *,
        messages: Sequence[Draft] = (),
        state: State | None = None,
        title: str | None = None,
    ) -> Conversation:
        if self.writes + 1 == self.held:
            self.waiting.set()
            assert self.released.wait(20)
        return super().write(conversation, messages=messages, state=state, title=title)


def operations(store: MemoryStore, url: str, turns: list[Any], **more: Any) -> Operations:
    settings = AgentSettings(gateway_url=url, gateway_auth="iam" if "keys" in more else "none")
    return Operations(desk(settings, model=ScriptedModel(turns), store=store, **more))


async def heard(live: LiveRun) -> list[Any]:
    async with asyncio.timeout(20):
        return [event async for event in live.listen()]


@pytest.mark.behaviour("AGENT-CANCEL")
async def test_what_ends_already_is_not_stopped_again(modern: StandIn):
    store = SlowStore(held=2)  # the last words of an answer that went wrong
    office = operations(store, modern.url, [Fail(ConnectionError("gone")), Say("Back.")])
    live = await office.begin(ID, Request("hi", ME))
    assert await asyncio.to_thread(store.waiting.wait, 20)
    stops = [asyncio.create_task(office.cancel(ME, ID, live.id)) for _ in range(2)]
    await asyncio.sleep(0)
    store.released.set()
    events = await heard(live)
    await asyncio.gather(*stops)
    assert events[-1]["type"] == "RUN_ERROR"
    assert not office.working
    assert store.said[ID][-1].role == "assistant"
    assert (await heard(await office.begin(ID, Request("again", ME))))[-1]["type"] == "RUN_FINISHED"
    await office.close()


@pytest.mark.behaviour("AGENT-CANCEL")
async def test_an_answer_can_be_stopped_before_it_has_begun(modern: StandIn, kept: MemoryStore):
    office = operations(kept, modern.url, [Say("Back.")])
    live = await office.begin(ID, Request("hi", ME))
    await office.cancel(ME, ID, live.id)
    assert (await heard(live))[-1]["code"] == "CANCELLED"
    assert (await heard(await office.begin(ID, Request("again", ME))))[-1]["type"] == "RUN_FINISHED"
    await office.close()


@pytest.mark.behaviour("AGENT-CANCEL")
async def test_an_answer_that_is_stopped_while_a_call_is_written_down_leaves_no_call_without_result(
    modern: StandIn,
):
    store = SlowStore(held=2)  # the message with the call
    office = operations(store, modern.url, [Use.one("accounts___get_chart"), Say("Back.")])
    live = await office.begin(ID, Request("hi", ME))
    assert await asyncio.to_thread(store.waiting.wait, 20)
    stop = asyncio.create_task(office.cancel(ME, ID, live.id))
    await asyncio.wait({stop}, timeout=0.3)
    store.released.set()
    await stop
    assert (await heard(live))[-1]["code"] == "CANCELLED"
    _, call, result, last = store.said[ID]
    assert result.content[0]["toolResult"]["toolUseId"] == call.content[0]["toolUse"]["toolUseId"]
    assert last.role == "assistant"
    await office.close()


async def test_the_last_message_is_the_one_being_written():
    store = SlowStore(held=1)
    memory = Memory(store, "me", "c")
    await memory.create()
    writing = asyncio.create_task(memory.write(Draft(role="user", content=[{"text": "new"}])))
    assert await asyncio.to_thread(store.waiting.wait, 20)
    tail = asyncio.create_task(memory.tail())
    await asyncio.wait({tail}, timeout=0.1)
    store.released.set()
    assert [item["content"] for item in await tail] == [[{"text": "new"}]]
    await writing


async def test_a_connection_that_nobody_waits_for_any_more_is_closed(modern: StandIn, kept: MemoryStore):
    asked, answer = threading.Event(), threading.Event()

    async def keys() -> Credentials:
        asked.set()
        assert await asyncio.to_thread(answer.wait, 20)
        return Credentials("AKIAEXAMPLE", "a-secret-of-the-role", "a-session-token")

    before = connections()
    office = operations(kept, modern.url, [Say("Hello.")], keys=keys)
    live = await office.begin(ID, Request("hi", ME))
    assert await asyncio.to_thread(asked.wait, 20)
    await office.cancel(ME, ID, live.id)
    opened = connections() - before
    assert len(opened) == 1
    answer.set()
    for thread in opened:
        await asyncio.to_thread(thread.join, 10)
        assert not thread.is_alive()
    await office.close()
    assert connections() == before


@pytest.mark.behaviour("AGENT-CANCEL")
async def test_a_question_of_a_stopped_answer_takes_no_answer_while_the_next_one_begins(kept: MemoryStore):
    with gateway(legacy=True) as stand_in:  # where the server's question is open in the connection
        office = operations(kept, stand_in.url, [Use.one("demo___rate", thing="tea"), Say("Hello.")])
        live = await office.begin(ID, Request("rate", ME))
        (interrupt,) = (await heard(live))[-1]["outcome"]["interrupts"]
        await office.cancel(ME, ID, live.id)
        following = asyncio.create_task(office.begin(ID, Request("hi", ME)))
        await asyncio.sleep(0)
        late = Answer(interrupt["id"], approved=True, content={"stars": 5})
        with pytest.raises(AgentError) as caught:
            await office.begin(ID, Request([late], ME))
        assert caught.value.kind == "SESSION_BUSY"
        assert (await heard(await following))[-1]["type"] == "RUN_FINISHED"
        await office.close()


class Hurried(asyncio.SelectorEventLoop):
    """A loop whose time can be set ahead."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


@pytest.mark.behaviour("AGENT-ATTACH")
def test_a_run_is_kept_for_a_time_that_begins_with_its_end(modern: StandIn, kept: MemoryStore):
    loop = Hurried()

    async def all_of_it() -> None:
        office = operations(kept, modern.url, [Use.one("demo___wait"), Say("Hello.")])
        live = await office.begin(ID, Request("wait", ME))
        assert await asyncio.to_thread(modern.entered.wait, 20)
        loop.ahead = 100
        modern.release.set()
        events = await heard(live)
        loop.ahead = 200
        await asyncio.sleep(0.01)
        assert await heard(await office.attach(ME, ID, live.id)) == events
        assert not office.conversation_of("me", ID).idle
        loop.ahead = 230
        await asyncio.sleep(0.01)
        assert office.conversation_of("me", ID).idle
        await office.close()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(all_of_it())
