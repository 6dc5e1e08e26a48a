"""The real bridge between hostile clients and a hostile child: it serves on, and tells the truth about it."""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.sockets import spare_port
from skerry.wire import jsonrpc
from tests.fuzz.effort import examples
from tests.fuzz.hostile import HOSTILE
from tests.fuzz.running import MEMORY, WITHIN, command, environment, peak
from tests.fuzz.test_child import SPEWS

CHILD = Path(__file__).parent / "programs/child.py"
LIMITS = ("--call-timeout", "1", "--max-message", "1000000", "--idle", "60", "--host", "127.0.0.1")
ACCEPT = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
RUNTIME_SESSION = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"


class Answer:
    """Status, headers and the messages of the body."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.session = response.getheader("mcp-session-id")
        body = response.read()
        if "event-stream" in (response.getheader("content-type") or ""):
            data = [line[5:] for line in body.splitlines() if line.startswith(b"data:") and line[5:].strip()]
        else:
            data = [body] if body else []
        self.messages: list[dict[str, Any]] = [json.loads(each) for each in data]

    def responses(self) -> list[dict[str, Any]]:
        return [message for message in self.messages if "method" not in message]


class Bench:
    """One bridge, and a client with a session on each of its two paths."""

    def __init__(self, folder: Path) -> None:
        self.port = spare_port()
        words = ("bridge", "--port", str(self.port), *LIMITS, "--", sys.executable, "-I", str(CHILD))
        self.log = folder / "stderr"
        self.errors = self.log.open("wb")
        self.process = subprocess.Popen(
            command(*words),
            stdin=subprocess.DEVNULL,
            stdout=self.errors,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        self.up = threading.Event()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        assert self.up.wait(WITHIN), self.log.read_text()
        self.numbers = itertools.count(1)
        self.session = ""

    def _read(self) -> None:
        assert self.process.stderr
        with self.process.stderr as lines:
            for line in lines:
                self.errors.write(line)
                self.errors.flush()
                if b" served at " in line:
                    self.up.set()

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WITHIN)
        with contextlib.closing(connection):
            connection.request("POST", path, body, {**ACCEPT, **headers})
            return Answer(connection.getresponse())

    def headers(self, path: str) -> dict[str, str]:
        if path == "/mcp":
            return {"mcp-session-id": self.session} if self.session else {}
        return {RUNTIME_SESSION: "session-" + "f" * 33}

    def initialize(self, path: str) -> None:
        self.session = "" if path == "/mcp" else self.session
        info = {"name": "fuzz", "version": "1"}
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info}
        answer = self.post(path, jsonrpc.request("start", "initialize", params), self.headers(path))
        assert answer.status == 200, answer.messages
        assert "result" in answer.responses()[0], answer.messages
        if path == "/mcp":
            assert answer.session
            self.session = answer.session
        note = jsonrpc.notification("notifications/initialized")
        assert self.post(path, note, self.headers(path)).status == 202

    def call(self, path: str, tool: str, **arguments: Any) -> tuple[str, Answer]:
        mark = f"mark-{next(self.numbers)}"
        body = jsonrpc.request(mark, "tools/call", {"name": tool, "arguments": arguments})
        return mark, self.post(path, body, self.headers(path))

    def good(self, path: str) -> None:
        """A call that works, within a few: damaged lines of an example may still count as an answer."""
        for _ in range(40):
            mark, answer = self.call(path, "echo", text="good")
            assert answer.status in (200, 503), answer.messages
            (response,) = answer.responses()
            assert response["id"] == mark
            if "result" in response:
                break
            assert response["error"]["data"]["code"].startswith("SKY-"), response
        assert response.get("result", {}).get("content") == [{"type": "text", "text": "good"}], response
        assert self.ping() == 200

    def ping(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WITHIN)
        with contextlib.closing(connection):
            connection.request("GET", "/ping")
            response = connection.getresponse()
            assert json.loads(response.read())["status"] in ("Healthy", "HealthyBusy", "Unhealthy")
            return response.status

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(WITHIN)
        finally:
            self.process.kill()
            self.process.wait()
            self.reader.join(WITHIN)
            self.errors.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    try:
        for path in PATHS:
            made.initialize(path)
        yield made
        assert made.process.poll() is None
        assert peak(made.process.pid) < MEMORY
    finally:
        made.close()
    assert "Traceback" not in made.log.read_text(errors="replace"), made.log.read_text(errors="replace")


PATHS = ("/mcp", "/invocations")
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "mcp-protocol-version",
            "mcp-session-id",
            "mcp-method",
            "mcp-name",
            "accept",
            "content-type",
            "origin",
        ]
    ),
    st.one_of(
        st.sampled_from(["2026-07-28", "2025-11-25", "", "*/*", "http://127.0.0.1"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12),
    ),
    max_size=3,
)


@examples(25, shrink=False)
@given(st.sampled_from(PATHS), SPEWS, st.sampled_from(["answer", "answer", "answer", "silence", "exit"]))
def test_whatever_the_child_prints_its_call_has_one_answer_and_the_next_one_works(
    bench: Bench, path: str, spew: bytes, then: str
) -> None:
    mark, answer = bench.call(path, "spew", bytes=base64.b64encode(spew).decode(), then=then)
    assert answer.status in (200, 503)
    responses = answer.responses()
    assert [response["id"] for response in responses] == [mark], answer.messages
    bench.good(path)


@examples(40, shrink=False)
@given(st.sampled_from(PATHS), HOSTILE, HEADERS)
def test_whatever_a_client_posts_gets_an_answer_and_others_are_served(
    bench: Bench, path: str, body: bytes, headers: dict[str, str]
) -> None:
    answer = bench.post(path, body, {**bench.headers(path), **headers})
    assert answer.status in (200, 202, 400, 403, 404, 405, 406, 409, 413, 415, 500, 503), answer.messages
    assert answer.status != 500, answer.messages
    try:
        message = jsonrpc.parse(body)
    except jsonrpc.RpcError:
        assert answer.status >= 400, answer.messages
    else:
        if answer.status == 200 and message.kind == "request":
            assert [json.dumps(each["id"]) for each in answer.responses()] == [json.dumps(message.id)]
    if "mcp-session-id" not in headers and answer.session:
        bench.session = answer.session
    bench.initialize(path)
    bench.good(path)


@examples(25, shrink=False)
@given(
    st.one_of(
        HOSTILE,
        HOSTILE.map(lambda body: b"POST /mcp HTTP/1.1\r\nhost: x\r\ncontent-length: 9999\r\n\r\n" + body),
        HOSTILE.map(
            lambda body: b"POST /mcp HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + body
        ),
        HOSTILE.map(lambda line: b"POST /mcp HTTP/1.1\r\n" + line + b"\r\n\r\n"),
        HOSTILE.map(lambda path: b"GET /" + path + b" HTTP/1.1\r\nhost: x\r\n\r\n"),
    )
)
def test_whatever_arrives_on_a_connection_others_are_served(bench: Bench, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", bench.port), WITHIN) as client, contextlib.suppress(OSError):
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
    bench.good("/mcp")


def test_no_process_is_left_behind(tmp_path: Path) -> None:
    made = Bench(tmp_path)
    made.initialize("/mcp")
    children = Path(f"/proc/{made.process.pid}/task/{made.process.pid}/children")
    if not children.exists():
        made.close()
        pytest.skip("the system does not tell which children a process has")
    found = [int(pid) for pid in children.read_text().split()]
    assert found
    watched = [os.pidfd_open(pid) for pid in found]
    made.close()
    for descriptor in watched:
        assert select.select([descriptor], [], [], WITHIN)[0]
        os.close(descriptor)
