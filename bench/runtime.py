"""The Runtime plane against doing without it: cold starts and warm invocations, as ratios of one run.

    python -m bench.runtime [--sessions 15] [--calls 400] [--check]

    cold   InvokeAgentRuntime of a new session until its first byte, against starting the same program as a
           new process until it answers GET /ping. The program is a Strands agent on BedrockAgentCoreApp.
    node   The same for a program on node:http, which no warm parent can fork; where there is a Node.
    warm   InvokeAgentRuntime, signature included, against the program's own port. The program is an echo
           on BedrockAgentCoreApp.

The plane is a process of its own with uvloop and httptools. Client, plane and programs share the machine:
read the ratios, not the absolute times. `--check` fails past the goals.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from skerry.auth.aws.sigv4 import sign
from skerry.wire import session
from skerry.wire.arn import runtime_arn
from skerry.wire.endpoints import invocation_url
from skerry.wire.headers import RUNTIME_SESSION_ID

ACCOUNT, REGION = "123456789012", "us-east-1"

AGENT = '''
import os
from bedrock_agentcore import BedrockAgentCoreApp
from strands import Agent, tool
from strands.models import BedrockModel

app = BedrockAgentCoreApp()

@tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b

agent = None

@app.entrypoint
async def handle(payload):
    global agent
    if payload.get("think"):
        agent = agent or Agent(model=BedrockModel(), tools=[add], callback_handler=None)
    yield {"said": payload}

app.run(port=int(os.environ.get("BENCH_PORT", 8080)))
'''

ECHO = """
from bedrock_agentcore import BedrockAgentCoreApp

app = BedrockAgentCoreApp()

@app.entrypoint
def handle(payload):
    return payload

app.run()
"""

NODE_ECHO = """
import { createServer } from 'node:http'

createServer((request, response) => {
  if (request.url === '/ping') response.end('{"status": "Healthy"}')
  else request.pipe(response)
}).listen(process.env.BENCH_PORT ?? 8080)
"""


@dataclass(frozen=True, slots=True)
class Program:
    """A program of the benchmark: its name, its entry file and text, and what else starts it."""

    name: str
    entry: str
    text: str
    interpreter: str = sys.executable


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `goal` is its upper bound, None where there is none."""

    name: str
    value: float
    unit: str
    goal: float | None = None

    @property
    def good(self) -> bool:
        return self.goal is None or self.value <= self.goal

    def __str__(self) -> str:
        goal = "" if self.goal is None else f"   goal ≤ {self.goal:g}   {'ok' if self.good else 'MISSED'}"
        return f"{self.name:<58}{self.value:>9.2f} {self.unit:<6}{goal}"


class Connection:
    """A keep-alive connection that writes a request in one piece and reads the whole answer."""

    def __init__(self, base: str) -> None:
        parts = urlsplit(base)
        self.host = f"{parts.hostname}:{parts.port}"
        self._socket = socket.create_connection((parts.hostname, parts.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def call(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, float, bytes]:
        """Status, seconds to the first byte, and the body."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.host}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        start = time.perf_counter()
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        status = int(self._file.readline().split()[1])
        first = time.perf_counter() - start
        sent: dict[str, str] = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode().partition(":")
            sent[name.lower()] = value.strip()
        if "content-length" in sent:
            return status, first, self._file.read(int(sent["content-length"]))
        pieces = []
        while size := int(self._file.readline(), 16):
            pieces.append(self._file.read(size))
            self._file.readline()
        self._file.readline()
        return status, first, b"".join(pieces)

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def signed(url: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
    from tests.kit.runtime_plane import DEVELOPER

    place: Any = {"region": REGION, "service": "bedrock-agentcore", "now": time.time()}
    return headers | sign("POST", url, headers, body, credentials=DEVELOPER, **place)


def invoke(connection: Connection, url: str, headers: dict[str, str], body: bytes) -> tuple[float, float]:
    """Milliseconds to the first byte and to the last."""
    start = time.perf_counter()
    status, first, answer = connection.call("POST", url.partition(connection.host)[2], headers, body)
    if status != 200:
        raise SystemExit(f"{status}: {answer.decode()[:2000]}")
    return first * 1000, (time.perf_counter() - start) * 1000


def new_process(folder: Path, program: Program) -> float:
    """Milliseconds from the start of `python main.py` until it answers GET /ping."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "BENCH_PORT": str(port)}
    start = time.perf_counter()
    process = subprocess.Popen(
        [program.interpreter, program.entry],
        cwd=folder / program.name,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        while process.poll() is None:
            try:
                connection = Connection(f"http://127.0.0.1:{port}")
            except OSError:
                time.sleep(0.004)
                continue
            status, _, _ = connection.call("GET", "/ping", {}, b"")
            took = (time.perf_counter() - start) * 1000
            connection.close()
            if status == 200:
                return took
        raise SystemExit("the program of the benchmark did not start")
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def plane(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The plane as a process: its URL, and the process that tells bases of sessions."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.runtime", "--serve", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["url"], process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


def serve(folder: Path) -> None:
    """The plane on uvloop, with the programs prepared; answers each line on stdin with the bases."""
    import asyncio

    import uvloop

    from skerry.local.clock import SystemClock
    from tests.kit.node import NODE
    from tests.kit.runtime_plane import record, runtime_plane

    async def main() -> None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, ended.set)
        async with runtime_plane(folder / "state", clock=SystemClock(), sessions=1000, node=NODE) as running:
            for item in programs():
                made = record("", name=item.name, path=folder / item.name, entry=item.entry)
                if item.interpreter == NODE:
                    made["agentRuntimeArtifact"]["codeConfiguration"]["runtime"] = "NODE_22"
                running.resources.put(made, tell=True)
            running.plane.warm()
            versions = running.plane._versions._versions.values()  # noqa: SLF001
            for version in list(versions):
                await (await version.opening).prepare()

            def told() -> None:
                sys.stdin.readline()
                live = running.plane.sessions._sessions.values()  # noqa: SLF001
                print(json.dumps({live.id: live.base for live in live}), flush=True)

            loop.add_reader(sys.stdin.fileno(), told)
            print(json.dumps({"url": running.url}), flush=True)
            await ended.wait()

    uvloop.run(main())


def programs() -> list[Program]:
    """What is measured here."""
    from tests.kit.node import NODE

    found = [Program("agent", "main.py", AGENT), Program("echo", "main.py", ECHO)]
    return [*found, Program("node", "main.mjs", NODE_ECHO, NODE)] if NODE else found


def cold(url: str, folder: Path, sessions: int, program: Program) -> tuple[float, float, float]:
    """Milliseconds: a new session, p50; the first one; a new process, p50."""
    connection = Connection(url)
    target = invocation_url(url, runtime_arn(REGION, ACCOUNT, f"{program.name}-0123456789"))
    ours, theirs, first = [], [], 0.0
    for number in range(sessions):
        body = json.dumps({"number": number}).encode()
        headers = {"Content-Type": "application/json", RUNTIME_SESSION_ID: session.new()}
        took, _ = invoke(connection, target, signed(target, headers, body), body)
        ours.append(took)
        first = first or took
        end = target.replace("/invocations?", "/stopruntimesession?")
        invoke(connection, end, signed(end, {RUNTIME_SESSION_ID: headers[RUNTIME_SESSION_ID]}, b"{}"), b"{}")
        if number % 3 == 0:
            theirs.append(new_process(folder, program))
    connection.close()
    return statistics.median(ours), first, statistics.median(theirs)


def cold_rows(url: str, folder: Path, sessions: int) -> list[Row]:
    agent, _, *others = programs()
    p50, first, base = cold(url, folder, sessions, agent)
    rows = [
        Row("cold: a new session ÷ a new process, p50", p50 / base, "", 0.15),
        Row("cold: a new session to its first byte, p50", p50, "ms", 100.0),
        Row("cold: the first session of a runtime", first, "ms"),
        Row("cold: a new process until GET /ping, p50", base, "ms"),
    ]
    for other in others:
        p50, _, base = cold(url, folder, sessions, other)
        rows += [
            Row("node: a new session ÷ a new process, p50", p50 / base, "", 2.0),
            Row("node: a new session to its first byte, p50", p50, "ms"),
            Row("node: a new process until GET /ping, p50", base, "ms"),
        ]
    return rows


def warm(url: str, process: subprocess.Popen[str], calls: int) -> list[Row]:
    connection = Connection(url)
    target = invocation_url(url, runtime_arn(REGION, ACCOUNT, "echo-0123456789"))
    body = b'{"prompt": "hello"}'
    name = session.new()
    headers = {"Content-Type": "application/json", RUNTIME_SESSION_ID: name}
    ready = signed(target, headers, body)
    invoke(connection, target, ready, body)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    base = json.loads(process.stdout.readline())[name]
    direct = Connection(base)
    pairs = []
    for _ in range(calls):
        there = invoke(direct, f"{base}/invocations", headers, body)[1]
        pairs.append((there, invoke(connection, target, ready, body)[1]))
    direct.close()
    connection.close()
    there, through = (statistics.median(column) for column in zip(*pairs, strict=True))
    return [
        Row("warm: added by the plane, p50", through - there, "ms", 2.0),
        Row("warm: through the plane ÷ the program's own port, p50", through / there, ""),
        Row("warm: the program's own port, p50", there, "ms"),
    ]


def run(*, sessions: int = 15, calls: int = 400) -> list[Row]:
    """All figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for program in programs():
            (folder / program.name).mkdir()
            (folder / program.name / program.entry).write_text(program.text)
        with plane(folder) as (url, process):
            return [*cold_rows(url, folder, sessions), *warm(url, process, calls)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sessions", type=int, default=15)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
        return
    rows = run(sessions=arguments.sessions, calls=arguments.calls)
    for row in rows:
        print(row)
    if arguments.check and not all(row.good for row in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
