"""What a report says of logs, and how much."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skerry.testing.report import HOPS, LINES, WIDTH, Marks, readable, sections
from skerry.testing.stack import Stack
from skerry.wire.hop import Hop, as_json

PRINTED = "2026-11-30 14:00:03,099 INFO skerry.runtime.output echo ae47f5bc: "


def left(state: Path) -> Stack:
    """A stack that has ended: its commands read what it left in `state`."""
    around = {"SKERRY_STATE": str(state)}
    return Stack("http://127.0.0.1:9", "us-east-1", "123456789012", state, {}, {}, {}, {}, around)


def test_what_a_program_printed_has_its_runtimes_name():
    assert readable("endpoint", f"{PRINTED}  two blanks") == ["echo:   two blanks"]
    assert readable("idp", "a line") == ["idp: a line"]


def test_a_traceback_of_the_sdk_is_told_line_by_line():
    record = {
        "level": "ERROR",
        "message": "Invocation failed",
        "stackTrace": ["Traceback:\n", "  at it\n", "ValueError: no\n"],
    }
    assert readable("endpoint", PRINTED + json.dumps(record)) == [
        "echo: ERROR Invocation failed",
        "echo: Traceback:",
        "echo:   at it",
        "echo: ValueError: no",
    ]


@pytest.mark.parametrize(
    "text", ["[1]", "{}", "7", '{"level": "INFO", "message": "m", "stackTrace": [1]}', "{"]
)
def test_other_json_stays_as_it_is(text: str):
    assert readable("api", text) == [f"api: {text}"]


@pytest.mark.behaviour("TEST-REPORT")
def test_a_report_is_bounded_and_begins_with_the_test(tmp_path: Path):
    hops = [Hop("gateway", f"call {n}", "ann", "jwt", 200, 100.0 + n, 1.0) for n in range(HOPS + 5)]
    (tmp_path / "hops.jsonl").write_text("".join(f"{as_json(hop)}\n" for hop in hops))
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs" / "api.log"
    log.write_text("before\n")
    stack = left(tmp_path)
    ready, began = Marks.now(50.0, stack), Marks.now(102.0, stack)
    with log.open("a") as more:
        more.writelines(f"line {n}\n" for n in range(LINES))
        more.write("x" * 9 * WIDTH + "\n")
    (_, called), (_, logged) = sections(stack, ready, began)
    assert called.splitlines()[0].startswith(f"… the newest {HOPS}")
    assert len(called.splitlines()) == len(logged.splitlines()) == HOPS + 1
    assert "call 4 " not in called
    assert f"call {HOPS + 4} " in called
    assert "before" not in logged
    assert max(map(len, logged.splitlines())) == WIDTH + 1
    assert not list(sections(stack, Marks.now(900.0), began))
