"""The log of an environment: what is printed, and Lambda's own lines around it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from skerry.local.functions.function import Function
from skerry.local.functions.invocation import Invocation, Outcome, exited, timed_out
from skerry.local.functions.log import EnvironmentLog
from skerry.local.functions.settings import FunctionSettings, FunctionsSettings
from skerry.local.ports.monitoring import Invoked
from tests.kit.clock import FakeClock
from tests.kit.function_monitor import KeptMonitor

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:orders"


class Parts:
    """A log, with what it is given and keeps."""

    def __init__(self, *, version: str = "$LATEST", peak: int | None = None) -> None:
        self.clock, self.kept, self.peak = FakeClock(1_800_000_000.25), KeptMonitor(), peak
        plane = FunctionsSettings(state=Path(), endpoint="", region="eu-west-1", account="123456789012")
        settings = FunctionSettings(path=Path(), handler="app.handler", memory=256)
        function = Function(name="orders", arn=ARN, settings=settings, plane=plane, version=version)
        self.log = EnvironmentLog(function, monitor=self.kept, clock=self.clock, peak=lambda: self.peak)

    def invocation(self, arn: str = ARN) -> Invocation:
        return Invocation(payload=b"{}", arn=arn, timeout=3.0)

    def run(self, outcome: Outcome, *, seconds: float = 0.5, arn: str = ARN) -> Invocation:
        invocation = self.invocation(arn)
        run = self.log.give(invocation)
        self.log.deliver()
        self.clock.advance(seconds)
        self.log.answer(run, outcome)
        self.log.ask()
        return invocation


@pytest.mark.behaviour("LL-GROUP")
@pytest.mark.behaviour("LL-STREAM")
def test_group_and_stream_are_named_as_the_handler_is_told() -> None:
    parts = Parts(version="7")
    assert parts.kept.place == ("eu-west-1", "/aws/lambda/orders", parts.log.name)
    assert re.fullmatch(r"2027/01/15/\[7\][0-9a-f]{32}", parts.log.name)


@pytest.mark.behaviour("LL-REPORT")
async def test_lambdas_own_lines_stand_around_what_is_printed() -> None:
    parts = Parts(peak=15)
    parts.log.started()
    parts.log.printed("while it loads")
    parts.clock.advance(0.125)
    parts.log.ready()
    invocation = parts.invocation()
    run = parts.log.give(invocation)
    parts.clock.advance(9)  # what it waits is no duration
    parts.log.deliver()
    parts.clock.advance(0.25)
    parts.log.printed("hello")
    invocation.finish(Outcome(b"1"))
    parts.log.answer(run, Outcome(b"1"))
    assert parts.kept.open == 1
    parts.log.printed("late")
    parts.log.ask()
    identifier = invocation.id
    figures = [
        "Duration: 250.00 ms",
        "Billed Duration: 375 ms",
        "Memory Size: 256 MB",
        "Max Memory Used: 15 MB",
        "Init Duration: 125.00 ms",
        "",
    ]
    assert parts.kept.lines == [
        "while it loads",
        f"START RequestId: {identifier} Version: $LATEST",
        "hello",
        "late",
        f"END RequestId: {identifier}",
        "\t".join([f"REPORT RequestId: {identifier}", *figures]),
    ]
    assert list(invocation.log) == parts.kept.lines[1:]
    assert parts.kept.open == 0
    parts.log.ask()
    assert len(parts.kept.lines) == 6


@pytest.mark.behaviour("LL-REPORT")
async def test_figures_that_are_not_known_are_left_out() -> None:
    parts = Parts()
    parts.run(Outcome(b"1"))
    assert parts.kept.lines[-1].split("\t")[1:] == [
        "Duration: 500.00 ms",
        "Billed Duration: 500 ms",
        "Memory Size: 256 MB",
        "",
    ]


@pytest.mark.behaviour("LL-REPORT")
async def test_only_the_first_report_has_the_time_of_the_start() -> None:
    parts = Parts()
    parts.log.ready()
    parts.run(Outcome(b"1"))
    parts.run(Outcome(b"1"))
    assert ["Init Duration" in line for line in parts.kept.lines if "REPORT" in line] == [True, False]


@pytest.mark.behaviour("LL-REPORT")
async def test_a_program_that_asks_before_its_answer_was_looked_at_is_done_all_the_same() -> None:
    parts = Parts()
    invocation = parts.invocation()
    run = parts.log.give(invocation)
    parts.log.deliver()
    invocation.finish(Outcome(b"1"))
    parts.log.ask()
    parts.log.answer(run, Outcome(b"1"))
    assert parts.kept.lines[1] == f"END RequestId: {invocation.id}"
    assert (len(parts.kept.lines), len(parts.kept.runs), parts.kept.open) == (3, 1, 0)


@pytest.mark.behaviour("LL-REPORT")
async def test_the_next_event_may_wait_before_the_program_asks() -> None:
    parts = Parts()
    first, second = parts.invocation(), parts.invocation()
    run = parts.log.give(first)
    parts.log.deliver()
    first.finish(Outcome(b"1"))
    parts.log.answer(run, Outcome(b"1"))
    parts.log.give(second)
    parts.log.ask()
    parts.log.deliver()
    assert [line.split()[0] for line in parts.kept.lines] == ["START", "END", "REPORT", "START"]
    assert second.id in parts.kept.lines[-1]


@pytest.mark.behaviour("LL-ENDED")
async def test_a_timeout_is_told_with_the_memory_that_the_program_had() -> None:
    parts = Parts(peak=20)
    invocation = parts.invocation()
    run = parts.log.give(invocation)
    parts.log.deliver()
    parts.clock.advance(3)
    parts.log.stop(run)
    parts.peak = None  # the program is gone
    parts.clock.advance(1)
    parts.log.answer(run, timed_out(invocation, parts.clock.time()))
    parts.log.complete()
    told = f"2027-01-15T08:00:04.250Z {invocation.id} Task timed out after 3.00 seconds"
    assert parts.kept.lines[1:3] == [told, f"END RequestId: {invocation.id}"]
    assert parts.kept.lines[3].endswith(
        "Duration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 256 MB\tMax Memory Used: 20 MB\tStatus: timeout"
    )


@pytest.mark.behaviour("LL-ENDED")
async def test_a_program_that_ended_is_told_as_such() -> None:
    parts = Parts()
    invocation = parts.invocation()
    parts.log.answer(parts.log.give(invocation), exited(invocation, 3))
    parts.log.complete()
    start, told, _, report = parts.kept.lines
    assert start == f"START RequestId: {invocation.id} Version: $LATEST"
    assert told == (
        f"RequestId: {invocation.id} Error: Runtime exited with error: exit status 3\nRuntime.ExitError"
    )
    assert report.endswith("\tStatus: error\tError Type: Runtime.ExitError")


@pytest.mark.behaviour("LL-METRICS")
@pytest.mark.behaviour("LL-DIMENSIONS")
async def test_an_invocation_counts_for_the_version_or_alias_that_was_asked_for() -> None:
    parts = Parts()
    began = parts.clock.time()
    parts.run(Outcome(b"1"), arn=f"{ARN}:live")
    parts.run(Outcome(b"{}", "Unhandled"))
    assert parts.kept.runs == [
        (Invoked("eu-west-1", "orders", "orders:live"), began, 500.0, False),
        (Invoked("eu-west-1", "orders", "orders"), began + 0.5, 500.0, True),
    ]
