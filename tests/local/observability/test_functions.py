"""Logs and metrics of Lambda functions."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from skerry.local.observability.functions import FunctionMonitor, entries
from skerry.local.observability.lines import Lines
from skerry.local.ports.monitoring import Invoked
from tests.kit.clock import FakeClock

NOW = 1_800_000_000.0
ORDERS = Invoked("eu-west-1", "orders", "orders")
LIVE = Invoked("eu-west-1", "orders", "orders:live")
BY_NAME = {"FunctionName": "orders"}


class Parts:
    """A monitor with what it is given; `woken` counts how often it was time to write."""

    def __init__(self, **options: Any) -> None:
        self.clock = FakeClock(NOW)
        self.woken = 0
        self.lines = Lines(self.clock, self._wake)
        self.monitor = FunctionMonitor(self.clock, self.lines, **options)

    def _wake(self) -> None:
        self.woken += 1

    def figures(self) -> list[dict[str, Any]]:
        return entries(self.monitor.drain())


def of(found: list[dict[str, Any]], metric: str, **dimensions: str) -> list[tuple[float, ...]]:
    return [
        (item["count"], item["sum"], item["least"], item["most"])
        for item in found
        if item["name"] == metric and item["dimensions"] == sorted(dimensions.items())
    ]


@pytest.mark.behaviour("LL-METRICS")
def test_invocations_and_errors_are_counted_with_their_duration() -> None:
    parts = Parts()
    parts.monitor.ran(ORDERS, NOW, 10.0, failed=False)
    parts.monitor.ran(ORDERS, NOW, 30.0, failed=True)
    found = parts.figures()
    assert of(found, "Invocations", **BY_NAME) == [(2, 2, 1, 1)]
    assert of(found, "Errors", **BY_NAME) == [(2, 1, 0, 1)]
    assert of(found, "Duration", **BY_NAME) == [(2, 40.0, 10.0, 30.0)]
    assert of(found, "Throttles", **BY_NAME) == [(2, 0, 0, 0)]
    units = {(item["name"], item["unit"]) for item in found}
    assert ("Duration", "Milliseconds") in units
    assert ("Errors", "Count") in units
    assert {(item["namespace"], item["region"]) for item in found} == {("AWS/Lambda", "eu-west-1")}
    assert parts.figures() == []


@pytest.mark.behaviour("LL-METRICS")
def test_what_was_refused_is_a_throttle_and_no_invocation() -> None:
    parts = Parts()
    parts.monitor.throttled(ORDERS)
    found = parts.figures()
    assert of(found, "Throttles", **BY_NAME) == [(1, 1, 1, 1)]
    assert {item["name"] for item in found} == {"Throttles"}


@pytest.mark.behaviour("LL-METRICS")
def test_a_metric_has_the_minute_in_which_the_invocation_began() -> None:
    parts = Parts()
    parts.monitor.ran(ORDERS, NOW - 125.0, 10.0, failed=False)
    assert {item["minute"] for item in parts.figures()} == {int(NOW - 125) // 60 * 60}


@pytest.mark.behaviour("LL-DIMENSIONS")
def test_metrics_are_there_by_function_by_what_was_asked_for_and_of_all() -> None:
    parts = Parts()
    parts.monitor.ran(ORDERS, NOW, 10.0, failed=False)
    parts.monitor.ran(LIVE, NOW, 10.0, failed=False)
    found = parts.figures()
    for dimensions, calls in (
        (BY_NAME, [1, 1]),  # two figures of one metric: the embedded cloud adds them up
        ({**BY_NAME, "Resource": "orders"}, [1]),
        ({**BY_NAME, "Resource": "orders:live"}, [1]),
        ({}, [1, 1]),
    ):
        assert [total for _, total, *_ in of(found, "Invocations", **dimensions)] == calls


@pytest.mark.behaviour("LL-CONCURRENT")
def test_environments_that_are_taken_at_the_same_time_are_counted() -> None:
    parts = Parts()
    with parts.monitor.executing(ORDERS):
        with parts.monitor.executing(ORDERS), parts.monitor.executing(Invoked("eu-west-1", "other", "other")):
            pass
        with parts.monitor.executing(ORDERS):
            pass
    found = parts.figures()
    assert of(found, "ConcurrentExecutions", **BY_NAME) == [(3, 5, 1, 2)]
    assert of(found, "ConcurrentExecutions", FunctionName="other") == [(1, 1, 1, 1)]
    assert {item["name"] for item in found} == {"ConcurrentExecutions"}


@pytest.mark.behaviour("OBS-BOUNDED")
def test_metrics_of_many_functions_are_written_without_being_asked_for() -> None:
    parts = Parts(enough=2)
    parts.monitor.throttled(ORDERS)
    assert (parts.woken, parts.monitor.full) == (0, False)
    parts.monitor.throttled(LIVE)
    assert (parts.woken, parts.monitor.full) == (1, True)


@pytest.mark.behaviour("LL-LINES")
def test_each_event_ends_with_the_end_of_its_line() -> None:
    parts = Parts()
    stream = parts.monitor.stream("eu-west-1", "/aws/lambda/orders", "one")
    for text in ("hello", "", "a\nb"):
        stream.add(text)
    (found,) = parts.lines.drain()
    assert [text for _, text in found["events"]] == ["hello\n", "\n", "a\nb\n"]


@pytest.mark.behaviour("LL-GROUP")
def test_an_environment_that_says_nothing_has_no_stream() -> None:
    parts = Parts()
    parts.monitor.stream("eu-west-1", "/aws/lambda/orders", "one")
    assert parts.lines.drain() == []


@pytest.mark.behaviour("LL-FRESH")
async def test_the_logs_of_all_that_is_answered_are_waited_for() -> None:
    parts = Parts()
    await parts.monitor.settled()
    one, other = (parts.monitor.stream("eu-west-1", "g", name) for name in "ab")
    one.expect()
    other.expect()
    waiting = asyncio.create_task(parts.monitor.settled(30.0))
    await asyncio.sleep(0)  # lets it begin; no time passes
    one.complete()
    one.expect()  # by the next answer, which came later
    await asyncio.sleep(0)
    assert not waiting.done()
    other.complete()
    await asyncio.wait_for(waiting, 5)


@pytest.mark.behaviour("LL-FRESH")
async def test_a_program_that_never_asks_for_work_is_waited_for_once() -> None:
    parts = Parts()
    parts.monitor.stream("eu-west-1", "g", "one").expect()
    await parts.monitor.settled(0.01)
    await asyncio.wait_for(parts.monitor.settled(60.0), 5)
