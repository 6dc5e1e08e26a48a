"""The buffer of a run: what listeners hear, early, late and too late."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from skerry.agent.errors import AgentError
from skerry.agent.runs import LiveRun


def event(number: int, text: str = "") -> dict[str, Any]:
    return {"type": "TEXT_MESSAGE_CONTENT", "number": number, "delta": text}


async def heard(live: LiveRun, after: int = 0) -> list[int]:
    return [item["number"] async for item in live.listen(after)]


async def test_a_listener_hears_what_was_and_what_comes():
    live = LiveRun("r")
    live.publish(event(1))
    early, late = asyncio.create_task(heard(live)), asyncio.create_task(heard(live, 2))
    await asyncio.sleep(0)
    assert live.listeners == 2
    for number in (2, 3):
        live.publish(event(number))
        await asyncio.sleep(0)
    live.end()
    assert await early == [1, 2, 3]
    assert await late == [3]
    assert live.listeners == 0
    assert await heard(live, 1) == [2, 3]
    assert await heard(live, 99) == []


@pytest.mark.behaviour("AGENT-ATTACH")
@pytest.mark.parametrize("limits", [{"max_events": 3}, {"max_bytes": 3 * 1300}])
async def test_a_listener_who_is_too_late_is_sent_to_the_conversation(limits: dict[str, int]):
    live = LiveRun("r", **limits)
    for number in range(1, 6):
        live.publish(event(number, "x" * 1000 if "max_bytes" in limits else ""))
    with pytest.raises(AgentError, match="Read the conversation") as caught:
        await heard(live)
    assert caught.value.kind == "UNKNOWN_RUN"
    live.end()
    assert await heard(live, 2) == [3, 4, 5]


@pytest.mark.behaviour("AGENT-ATTACH")
async def test_a_listener_who_is_too_slow_is_sent_to_the_conversation():
    live = LiveRun("r", max_events=2)
    live.publish(event(1))
    slow = live.heard()
    assert (await anext(slow))["number"] == 1
    for number in range(2, 6):
        live.publish(event(number))
    assert (await anext(slow))["code"] == "UNKNOWN_RUN"
    await slow.aclose()


async def test_an_event_larger_than_the_buffer_is_heard_all_the_same():
    live = LiveRun("r", max_bytes=10)
    live.publish(event(1, "x" * 100))
    live.end()
    assert await heard(live) == [1]
