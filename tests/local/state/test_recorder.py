"""Hops: the newest in memory, all of them in a bounded file."""

from __future__ import annotations

import json
import stat
import sys

import pytest

from skerry.local.state.recorder import HopRecorder
from skerry.wire.hop import Hop


def hop(number, session=""):
    return Hop("gateway", f"op{number}", "me", "sigv4", 200, 1000.0 + number, 1.5, session=session)


@pytest.mark.behaviour("END-RECORDER")
def test_the_newest_that_fit_oldest_first():
    recorder = HopRecorder(kept=5)
    for number in range(8):
        recorder.record(hop(number, session="a" if number % 2 else "b"))
    assert [item.operation for item in recorder.hops()] == ["op3", "op4", "op5", "op6", "op7"]
    assert [item.operation for item in recorder.hops(limit=2)] == ["op6", "op7"]
    assert [item.operation for item in recorder.hops(session="a")] == ["op3", "op5", "op7"]
    assert [item.operation for item in recorder.hops(since=1006.0)] == ["op6", "op7"]
    assert recorder.hops(limit=0) == []


def test_everything_is_in_the_file_when_it_is_closed(tmp_path):
    path = tmp_path / "hops.jsonl"
    recorder = HopRecorder(path, kept=2)
    recorder.start()
    for number in range(300):
        recorder.record(hop(number))
    recorder.close()
    recorder.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["operation"] for line in lines] == [f"op{number}" for number in range(300)]
    assert lines[0]["duration_ms"] == 1.5
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_file_is_bounded(tmp_path):
    path = tmp_path / "hops.jsonl"
    for start in range(0, 100, 10):
        recorder = HopRecorder(path, file_limit=1000)
        recorder.start()
        for number in range(start, start + 10):
            recorder.record(hop(number))
        recorder.close()
    assert {file.name for file in tmp_path.iterdir()} <= {"hops.jsonl", "hops.jsonl.1"}
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 5000
    assert "op99" in "".join(file.read_text() for file in tmp_path.iterdir())


def test_a_file_that_cannot_be_written_does_not_disturb(tmp_path):
    recorder = HopRecorder(tmp_path)  # a folder
    recorder.start()
    for number in range(3):
        recorder.record(hop(number))
    recorder.close()
    assert len(recorder.hops()) == 3
