"""What is written into the embedded cloud, and when."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from skerry.errors import RemoteError
from skerry.local.observability import lines
from skerry.local.observability.calls import Call
from skerry.local.observability.cloudwatch import CloudWatch
from skerry.local.ports.monitoring import Invoked
from tests.kit.clock import FakeClock
from tests.local.observability.hops import hop


class Written:
    """What CloudWatch was given; `refuses` what it does not take. `gate` holds it back, `came` says that it began."""

    def __init__(self) -> None:
        self.all: list[dict[str, Any]] = []
        self.refuses = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.came = asyncio.Event()

    async def __call__(self, body: bytes) -> None:
        self.came.set()
        await self.gate.wait()
        if self.refuses:
            raise RemoteError("no room")
        self.all.append(json.loads(body))

    def lines(self) -> list[str]:
        return [text for one in self.all for stream in one["logs"] for _, text in stream["events"]]


def made(written: Written) -> CloudWatch:
    return CloudWatch(written, FakeClock(), place=("123456789012", "eu-west-1"))


@pytest.mark.behaviour("OBS-FRESH")
async def test_a_flush_writes_all_that_is_known_at_once() -> None:
    written = Written()
    cloudwatch = made(written)
    await cloudwatch.flush()
    assert written.all == []
    cloudwatch.add(Call(hop()))
    cloudwatch.logs.stream("desk", "DEFAULT", "one")("line")
    await cloudwatch.flush()
    (one,) = written.all
    assert (one["account"], one["region"]) == ("123456789012", "eu-west-1")
    assert "Invocations" in {item["name"] for item in one["metrics"]}
    assert written.lines() == ["line"]


@pytest.mark.behaviour("OBS-FRESH")
async def test_a_flush_waits_for_the_one_before_it() -> None:
    written = Written()
    cloudwatch = made(written)
    add = cloudwatch.logs.stream("desk", "DEFAULT", "one")
    add("first")
    written.gate.clear()
    before = asyncio.create_task(cloudwatch.flush())
    await written.came.wait()
    add("second")
    after = asyncio.create_task(cloudwatch.flush())
    written.gate.set()
    await asyncio.gather(before, after)
    assert written.lines() == ["first", "second"]


@pytest.mark.behaviour("OBS-BOUNDED")
async def test_much_is_written_without_being_asked_for() -> None:
    written = Written()
    cloudwatch = made(written)
    await cloudwatch.start()
    add = cloudwatch.logs.stream("desk", "DEFAULT", "one")
    for _ in range(lines.ENOUGH):
        add("x")
    await written.came.wait()
    await cloudwatch.flush()
    assert written.lines() == ["x"] * lines.ENOUGH
    await cloudwatch.close()
    await cloudwatch.close()


@pytest.mark.behaviour("OBS-CLOSE")
async def test_an_embedded_cloud_that_never_answers_does_not_hold_up_the_end() -> None:
    written = Written()
    cloudwatch = made(written)
    await cloudwatch.start()
    written.gate.clear()
    add = cloudwatch.logs.stream("desk", "DEFAULT", "one")
    for _ in range(lines.ENOUGH):
        add("x")
    await written.came.wait()
    async with asyncio.timeout(5):
        await cloudwatch.close()
    assert written.all == []


@pytest.mark.behaviour("OBS-BOUNDED")
async def test_what_is_not_taken_is_told_once_and_gone(caplog: pytest.LogCaptureFixture) -> None:
    written = Written()
    written.refuses = True
    cloudwatch = made(written)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            cloudwatch.add(Call(hop()))
            await cloudwatch.flush()
    assert caplog.text.count("no room") == 1
    written.refuses = False
    cloudwatch.add(Call(hop()))
    await cloudwatch.flush()
    assert len(written.all) == 1


@pytest.mark.behaviour("LL-FRESH")
async def test_a_flush_has_the_log_of_a_function_that_has_answered() -> None:
    written = Written()
    cloudwatch = made(written)
    log = cloudwatch.functions.stream("eu-west-1", "/aws/lambda/orders", "one")
    log.add("START")
    log.expect()
    cloudwatch.functions.ran(Invoked("eu-west-1", "orders", "orders"), 0.0, 5.0, failed=False)
    flushing = asyncio.create_task(cloudwatch.flush())
    for _ in range(5):
        await asyncio.sleep(0)  # lets it begin; no time passes
    assert written.all == []
    log.add("END")
    log.complete()
    await flushing
    (one,) = written.all
    assert written.lines() == ["START\n", "END\n"]
    assert (one["logs"][0]["group"], one["logs"][0]["region"]) == ("/aws/lambda/orders", "eu-west-1")
    assert {item["namespace"] for item in one["metrics"]} == {"AWS/Lambda"}
