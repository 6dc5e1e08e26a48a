"""What waits to be written into log streams."""

from __future__ import annotations

import logging

import pytest

from skerry.local.observability import lines
from skerry.local.observability.lines import Lines, Place
from tests.kit.clock import FakeClock

PLACE = Place("group", "stream")


class Woken:
    """Counts how often it is time to write."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def test_lines_stand_in_their_stream_in_the_order_in_which_they_came() -> None:
    clock = FakeClock()
    kept = Lines(clock, Woken())
    other = Place("group", "other", "eu-west-1")
    kept.begin(Place("group", "silent"))
    kept.add(PLACE, "one")
    clock.advance(1.5)
    kept.add(other, "two")
    kept.add(PLACE, "three")
    now = int(clock.time() * 1000)
    assert kept.drain() == [
        {"group": "group", "stream": "silent", "region": "", "events": []},
        {"group": "group", "stream": "stream", "region": "", "events": [[now - 1500, "one"], [now, "three"]]},
        {"group": "group", "stream": "other", "region": "eu-west-1", "events": [[now, "two"]]},
    ]
    assert kept.drain() == []


@pytest.mark.behaviour("OBS-BOUNDED")
def test_the_oldest_lines_go_when_nobody_takes_them(caplog: pytest.LogCaptureFixture) -> None:
    woken = Woken()
    by_number = Lines(FakeClock(), woken, lines=3)
    for number in range(5):
        by_number.add(PLACE, str(number))
    assert woken.times == 3
    with caplog.at_level(logging.WARNING):
        (found,) = by_number.drain()
    assert [text for _, text in found["events"]] == ["2", "3", "4"]
    assert "2 lines" in caplog.text
    by_size = Lines(FakeClock(), woken, size=1000)
    for letter in "abc":
        by_size.add(PLACE, letter * 400)
    (found,) = by_size.drain()
    assert [text[0] for _, text in found["events"]] == ["b", "c"]


@pytest.mark.behaviour("OBS-BOUNDED")
def test_it_is_time_to_write_when_there_is_much() -> None:
    woken = Woken()
    kept = Lines(FakeClock(), woken)
    for _ in range(lines.ENOUGH - 1):
        kept.add(PLACE, "x")
    assert woken.times == 0
    kept.add(PLACE, "x")
    assert woken.times == 1
