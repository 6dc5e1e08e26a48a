"""What agents print, as events of CloudWatch Logs."""

from __future__ import annotations

import logging
import re

import pytest

from skerry.local.observability import logs
from skerry.local.observability.logs import RuntimeLogs
from tests.kit.clock import FakeClock

NOW = 1_800_000_000.0
GROUP = "/aws/bedrock-agentcore/runtimes/desk-0123456789-DEFAULT"


class Woken:
    """Counts how often it is time to write."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


@pytest.mark.behaviour("OBS-LOG-GROUP")
@pytest.mark.behaviour("OBS-LOG-STREAM")
def test_lines_stand_in_the_stream_of_their_session_with_their_time() -> None:
    clock = FakeClock(NOW)
    kept = RuntimeLogs(clock, Woken())
    one = kept.stream("desk-0123456789", "DEFAULT", "session:one*")
    other = kept.stream("desk-0123456789", "DEFAULT", "two")
    one("first")
    clock.advance(1.5)
    other("second")
    one("")
    one("third")
    first, second = kept.drain()
    assert {first["group"], second["group"]} == {GROUP}
    assert first["events"] == [[1_800_000_000_000, "first"], [1_800_000_001_500, "third"]]
    assert second["events"] == [[1_800_000_001_500, "second"]]
    assert re.fullmatch(r"2027/01/15/\[runtime-logs-session_one_\][0-9a-f-]{36}", first["stream"])
    assert kept.drain() == []


@pytest.mark.behaviour("OBS-LOG-GROUP")
def test_the_stream_of_a_silent_program_is_there_too() -> None:
    kept = RuntimeLogs(FakeClock(NOW), Woken())
    kept.stream("desk-0123456789", "DEFAULT", "one")
    (found,) = kept.drain()
    assert (found["group"], found["events"]) == (GROUP, [])


@pytest.mark.behaviour("OBS-BOUNDED")
def test_the_oldest_lines_go_when_nobody_takes_them(caplog: pytest.LogCaptureFixture) -> None:
    woken = Woken()
    by_number = RuntimeLogs(FakeClock(NOW), woken, lines=3)
    add = by_number.stream("desk", "DEFAULT", "one")
    for number in range(5):
        add(str(number))
    assert woken.times == 3
    with caplog.at_level(logging.WARNING):
        (found,) = by_number.drain()
    assert [text for _, text in found["events"]] == ["2", "3", "4"]
    assert "2 lines" in caplog.text
    by_size = RuntimeLogs(FakeClock(NOW), woken, size=1000)
    add = by_size.stream("desk", "DEFAULT", "one")
    for letter in "abc":
        add(letter * 400)
    (found,) = by_size.drain()
    assert [text[0] for _, text in found["events"]] == ["b", "c"]


@pytest.mark.behaviour("OBS-BOUNDED")
def test_it_is_time_to_write_when_there_is_much() -> None:
    woken = Woken()
    add = RuntimeLogs(FakeClock(NOW), woken).stream("desk", "DEFAULT", "one")
    for _ in range(logs.ENOUGH - 1):
        add("x")
    assert woken.times == 0
    add("x")
    assert woken.times == 1
