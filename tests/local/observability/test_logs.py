"""What agents print, as events of CloudWatch Logs."""

from __future__ import annotations

import re

import pytest

from skerry.local.observability.lines import Lines
from skerry.local.observability.logs import RuntimeLogs
from tests.kit.clock import FakeClock

NOW = 1_800_000_000.0
GROUP = "/aws/bedrock-agentcore/runtimes/desk-0123456789-DEFAULT"


@pytest.mark.behaviour("OBS-LOG-GROUP")
@pytest.mark.behaviour("OBS-LOG-STREAM")
def test_lines_stand_in_the_stream_of_their_session_with_their_time() -> None:
    clock = FakeClock(NOW)
    lines = Lines(clock, lambda: None)
    kept = RuntimeLogs(clock, lines)
    one = kept.stream("desk-0123456789", "DEFAULT", "session:one*")
    other = kept.stream("desk-0123456789", "DEFAULT", "two")
    one("first")
    clock.advance(1.5)
    other("second")
    one("")
    one("third")
    first, second = lines.drain()
    assert {first["group"], second["group"]} == {GROUP}
    assert first["events"] == [[1_800_000_000_000, "first"], [1_800_000_001_500, "third"]]
    assert second["events"] == [[1_800_000_001_500, "second"]]
    assert re.fullmatch(r"2027/01/15/\[runtime-logs-session_one_\][0-9a-f-]{36}", first["stream"])
    assert lines.drain() == []


@pytest.mark.behaviour("OBS-LOG-GROUP")
def test_the_stream_of_a_silent_program_is_there_too() -> None:
    lines = Lines(FakeClock(NOW), lambda: None)
    RuntimeLogs(FakeClock(NOW), lines).stream("desk-0123456789", "DEFAULT", "one")
    (found,) = lines.drain()
    assert (found["group"], found["events"]) == (GROUP, [])
