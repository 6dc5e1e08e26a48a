"""`skerry stop`, `skerry logs` and `skerry hops` on a state directory."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from skerry import cli
from skerry.errors import NotRunningError, ProgramError
from skerry.stack.commands.stop import end
from skerry.stack.record import newest
from skerry.stack.state import State
from skerry.wire.hop import LOOKED, Hop


@pytest.mark.behaviour("CLI-STOPPED")
def test_a_process_number_without_the_lock_is_not_believed(tmp_path: Path):
    State(tmp_path).publish({"pid": os.getpid()})
    with pytest.raises(NotRunningError, match="without cleaning up"):
        end(tmp_path, kill=lambda *_: pytest.fail("another program would have been ended"))


@pytest.mark.behaviour("CLI-STOPPED")
def test_the_holder_of_the_lock_is_told_to_end_and_waited_for(tmp_path: Path):
    lock = State(tmp_path).lock()
    lock.__enter__()
    State(tmp_path).publish({"pid": os.getpid()})
    told: list[tuple[int, int]] = []
    pid = end(tmp_path, kill=lambda *what: told.append(what), pause=lambda _: lock.__exit__(None, None, None))
    assert told == [(pid, signal.SIGTERM)]
    assert not State(tmp_path).held()


def test_a_stack_that_does_not_end_is_named(tmp_path: Path):
    clock = iter([0.0, 99.0])
    with State(tmp_path).lock():
        State(tmp_path).publish({"pid": os.getpid()})
        with pytest.raises(ProgramError, match="has not ended"):
            end(tmp_path, kill=lambda *_: None, now=lambda: next(clock), pause=lambda _: None)


def hop(started: float, session: str = "one") -> Hop:
    return Hop("gateway", "tools/call", "ann", "jwt", 200, started, 2.0, session=session)


@pytest.mark.behaviour("CLI-STOPPED")
def test_hops_are_read_when_no_stack_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    kept = [hop(1), hop(2), hop(3, "two"), hop(4)]
    (tmp_path / "hops.jsonl").write_text("".join(f"{json.dumps(asdict(one))}\n" for one in kept))
    assert cli.main(["hops", "--state", str(tmp_path), "--json", "--session", "one", "--limit", "2"]) == 0
    shown = capsys.readouterr()
    assert [json.loads(line)["started"] for line in shown.out.splitlines()] == [2, 4]
    assert "no stack runs" in shown.err
    assert [one.started for one in newest(tmp_path, session="", since=2.5, limit=9)] == [3, 4]


@pytest.mark.behaviour("HOPS-TRACE")
@pytest.mark.behaviour("HOPS-LOOKS")
def test_one_trace_can_be_shown_and_what_skerry_looked_up_need_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    looked = replace(hop(3), detail={LOOKED: "skerry"})
    kept = [hop(1), replace(hop(2), trace="a" * 32, span="b" * 16), looked]
    (tmp_path / "hops.jsonl").write_text("".join(f"{json.dumps(asdict(one))}\n" for one in kept))

    def shown(*options: str) -> list[float]:
        assert cli.main(["hops", "--state", str(tmp_path), "--json", *options]) == 0
        return [json.loads(line)["started"] for line in capsys.readouterr().out.splitlines()]

    assert shown() == [1, 2]
    assert shown("--all") == [1, 2, 3]
    assert shown("--trace", "A" * 32) == [2]
    assert cli.main(["hops", "--state", str(tmp_path), "--trace", "c" * 32]) == 0
    assert "without --session, --trace and --since" in capsys.readouterr().err


@pytest.mark.behaviour("CLI-STOPPED")
def test_logs_are_shown_when_no_stack_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    logs = State(tmp_path).folder / "logs"
    (logs / "idp.log").write_text("one\ntwo\x1b[2J\nthree\n")
    (logs / "quiet.log").touch()
    assert cli.main(["logs", "--state", str(tmp_path), "--lines", "2"]) == 0
    shown = capsys.readouterr().out
    assert shown.endswith("two[2J\nthree\n")
    assert "quiet" not in shown
    assert cli.main(["logs", "ipd", "--state", str(tmp_path)]) == 2
    assert "Known: idp, quiet." in capsys.readouterr().err


def test_what_the_programs_of_a_runtime_printed_is_shown_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    logs = State(tmp_path).folder / "logs"
    said = "".join(
        f"now INFO skerry.runtime.output {text}\n" for text in ("ops a: one", "ops_jwt b: x", "ops a: two")
    )
    (logs / "endpoint.log").write_text(f"now INFO skerry.access POST /ops 200\n{said}")
    assert cli.main(["logs", "ops", "--state", str(tmp_path), "--json"]) == 0
    assert [line[-3:] for line in json.loads(capsys.readouterr().out)["ops"]] == ["one", "two"]
    assert cli.main(["logs", "ops", "--state", str(tmp_path), "--lines", "1"]) == 0
    shown = capsys.readouterr().out
    assert "endpoint.log" in shown
    assert "two" in shown
    assert "one" not in shown
    assert cli.main(["logs", "opps", "--state", str(tmp_path)]) == 2
    assert "Known: endpoint, ops, ops_jwt." in capsys.readouterr().err


@pytest.mark.behaviour("LL-COMMAND")
def test_what_a_function_printed_is_shown_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    logs = State(tmp_path).folder / "logs"
    said = ("shop.orders: one", "shop.orders-2: x", "shop.orders: a: b", "shop.orders: ")
    lines = "".join(f"now INFO skerry.functions.output {text}\n" for text in said)
    (logs / "endpoint.log").write_text(f"now WARNING skerry.functions shop.orders: no environment\n{lines}")
    assert cli.main(["logs", "shop.orders", "--state", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["shop.orders"]
    assert [line.partition("output ")[2] for line in found] == [
        "shop.orders: one",
        "shop.orders: a: b",
        "shop.orders:",
    ]
    assert cli.main(["logs", "orders", "--state", str(tmp_path)]) == 2
    assert "Known: endpoint, shop.orders, shop.orders-2." in capsys.readouterr().err
