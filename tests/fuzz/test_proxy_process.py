"""The real proxy between a hostile host and a hostile server: it lives, and each request has one answer."""

from __future__ import annotations

import base64
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.wire import jsonrpc
from tests.fuzz.answers import ANSWERS
from tests.fuzz.effort import examples
from tests.fuzz.hostile import HOSTILE
from tests.fuzz.hostile_server import HostileServer, hostile_server
from tests.fuzz.running import MEMORY, Host, command, peak

LIMITS = ("--auth", "none", "--read-timeout", "1", "--connect-timeout", "1", "--call-timeout", "3")


class Bench:
    """One proxy for many examples. `marks` are ids that no example makes by chance."""

    def __init__(self, server: HostileServer, log: Path) -> None:
        self.server = server
        self.host = Host(command("proxy", server.url, *LIMITS, "--max-message", "1000000"), log)
        self.marks = (f"mark-{number}" for number in itertools.count(1))
        # Answers to requests of an example that also cancelled: they may come late, or never.
        self.owed: Counter[tuple[str, object]] = Counter()
        info = {"name": "fuzz", "version": "1"}
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info}
        self.host.send(id="start", method="initialize", params=params)
        assert "result" in self.until("start")["start"][0]
        self.host.send(method="notifications/initialized")

    def until(self, *marks: str) -> dict[Any, list[dict[str, Any]]]:
        """Responses by their ids, until each of `marks` has one."""
        found: dict[Any, list[dict[str, Any]]] = {}
        while not all(mark in found for mark in marks):
            message = self.host.next()
            if "method" not in message:
                identifier = message["id"]
                found.setdefault((type(identifier).__name__, identifier), []).append(message)
                if identifier in marks:
                    found.setdefault(identifier, []).append(message)
        return found

    def call(self, mark: str, tool: str, **arguments: Any) -> None:
        self.host.send(id=mark, method="tools/call", params={"name": tool, "arguments": arguments})

    def good(self) -> dict[Any, list[dict[str, Any]]]:
        """A call that works; with everything else that arrived before its answer.

        A server that closes a connection just when it is used again leaves a call whose fate is unknown:
        that one may fail, since it must not run twice. The next one must work.
        """
        found: dict[Any, list[dict[str, Any]]] = {}
        for last in (False, False, True):
            mark = next(self.marks)
            self.call(mark, "echo", text=mark)
            found |= self.until(mark)
            (answer,) = found[mark]
            if last or answer.get("error", {}).get("data", {}).get("reason") != "closed":
                break
        assert answer.get("result", {}).get("content") == [{"type": "text", "text": mark}], answer
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with hostile_server() as server:
        made = Bench(server, tmp_path / "stderr")
        try:
            yield made
            assert peak(made.host.process.pid) < MEMORY
        finally:
            code = made.host.close()
        assert code == 0, (tmp_path / "stderr").read_text(errors="replace")[-2000:]
        assert "Traceback" not in (tmp_path / "stderr").read_text(errors="replace")


@examples(25, shrink=False)
@given(
    st.lists(st.tuples(ANSWERS, st.sampled_from([False, False, False, False, True])), min_size=1, max_size=4)
)
def test_whatever_the_server_answers_each_call_ends_once_and_runs_once(
    bench: Bench, answers: list[tuple[bytes, bool]]
) -> None:
    marks = []
    for answer, stay in answers:
        marks.append(next(bench.marks))
        raw = base64.b64encode(answer).decode()
        bench.call(marks[-1], "raw", bytes=raw, stay=stay, run=marks[-1])
    found = bench.until(*marks)
    later = bench.good()
    for mark, (answer, _) in zip(marks, answers, strict=True):
        assert len(found[mark]) == 1, found[mark]
        assert ("str", mark) not in later
        runs, refused = bench.server.runs[mark], refuses(answer)
        assert runs <= 1 or (refused and runs <= 12), (runs, answer[:200])


def refuses(answer: bytes) -> bool:
    """Whether the answer says that nothing ran, so that the call may be sent again."""
    status = answer[9:12]
    lost = (b"Session not found", b"Invalid request parameters", b"ThrottlingException")
    return status in (b"404", b"401", b"403", b"409", b"429", b"503") or any(text in answer for text in lost)


@examples(25, shrink=False)
@given(st.lists(HOSTILE.map(lambda line: line.replace(b"\n", b" ")), max_size=6))
def test_whatever_the_host_sends_each_request_has_one_answer_and_nothing_else_has(
    bench: Bench, lines: list[bytes]
) -> None:
    # What is no message may be answered without an id, or not at all.
    expected: Counter[tuple[str, object]] = Counter()
    cancels = False
    for line in lines:
        try:
            message = jsonrpc.parse(line)
        except jsonrpc.RpcError as problem:
            identifier = jsonrpc.parse(problem.answer()).id
            if identifier is not None:
                expected[type(identifier).__name__, identifier] += 1
            continue
        cancels = cancels or message.method == "notifications/cancelled"
        if message.kind == "request":
            expected[type(message.id).__name__, message.id] += 1
    bench.host.write(b"".join(line + b"\n" for line in lines))
    found: Counter[tuple[str, object]] = Counter()

    def count(key: tuple[str, object]) -> None:
        if found[key] >= expected[key] and bench.owed[key]:
            bench.owed[key] -= 1
        else:
            found[key] += 1

    while found != expected and not cancels:
        answer = bench.host.next()
        if "method" not in answer and answer["id"] is not None:
            count((type(answer["id"]).__name__, answer["id"]))
    for key, messages in bench.good().items():
        if isinstance(key, tuple) and key[1] is not None and not str(key[1]).startswith("mark-"):
            for _ in messages:
                count(key)
    if cancels:
        bench.owed += expected - found
    assert all(found[key] <= expected[key] for key in found), (found, expected)
    assert cancels or found == expected


def test_the_end_of_the_input_in_the_middle_of_a_line_is_an_end(tmp_path: Path) -> None:
    with hostile_server() as server:
        bench = Bench(server, tmp_path / "stderr")
        bench.good()
        bench.host.write(b'{"jsonrpc":"2.0","id":"half","method":"to')
        assert bench.host.close() == 0
