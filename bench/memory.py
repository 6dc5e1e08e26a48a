"""Memory that each session of a runtime has to itself.

    python -m bench.memory [--sessions 20] [--answers 1] [--desk] [--mappings] [--check]

A stack runs examples/own_team; its sessions stay open while their memory is read from
/proc/PID/smaps_rollup: what no other process shares (Private_Clean + Private_Dirty), of the session's whole
process group.

    idle       an MCP server (FastMCP) that was asked for its tools once
    answered   a Strands agent that answered one question with a tool behind a gateway; --answers asks on
    desk       the same of the desk's own agent, with --desk

`--mappings` adds what kinds of mappings hold it. Linux only: nothing is printed elsewhere.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import re
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from skerry.wire import session
from tests.journeys.running import Running, up
from tests.kit.memory import READABLE, leaders, mappings, own_memory

GOAL = 25.0
"""MB a session at most."""
AT_ONCE = 4
ROOM = {"SKERRY_SESSIONS_ACTIVE": "1000"}
EXAMPLE = Path(__file__).parents[1] / "examples" / "own_team"

Ask = Callable[[Any, str, str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many sessions to open of each runtime, how often to ask each, and the interpreter of own_team."""

    sessions: int
    answers: int
    python: str


@dataclass(frozen=True, slots=True)
class Held:
    """What the sessions of one runtime hold, in MB each, and by kind of mapping in all."""

    name: str
    sessions: list[float]
    mappings: Mapping[str, float]

    @property
    def good(self) -> bool:
        return statistics.median(self.sessions) <= GOAL

    def __str__(self) -> str:
        middle = statistics.median(self.sessions)
        return (
            f"{self.name:<34}{middle:>6.1f} MB p50 {max(self.sessions):>6.1f} MB at most   "
            f"{len(self.sessions)} sessions   {middle / GOAL:.2f} of the goal of {GOAL:g} MB"
        )


def client(running: Running) -> Any:
    """boto3's client of the stack's data plane."""
    found = running.environment()
    return boto3.client(
        "bedrock-agentcore",
        region_name=found["AWS_REGION"],
        endpoint_url=found["AWS_ENDPOINT_URL"],
        aws_access_key_id=found["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=found["AWS_SECRET_ACCESS_KEY"],
        config=Config(read_timeout=300, retries={"total_max_attempts": 1}, max_pool_connections=AT_ONCE),
    )


def list_tools(runtime: Any, arn: str, identifier: str) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    answer = runtime.invoke_agent_runtime(
        agentRuntimeArn=arn,
        runtimeSessionId=identifier,
        payload=json.dumps(message),
        contentType="application/json",
        accept="application/json, text/event-stream",
    )
    expect("tools", answer)


def question(text: str, expected: str) -> Ask:
    def ask(runtime: Any, arn: str, identifier: str) -> None:
        payload = json.dumps({"prompt": text})
        expect(
            expected,
            runtime.invoke_agent_runtime(
                agentRuntimeArn=arn,
                runtimeSessionId=identifier,
                payload=payload,
                contentType="application/json",
            ),
        )

    return ask


def expect(text: str, answer: Any) -> None:
    said = answer["response"].read().decode()
    if text not in said:
        raise SystemExit(f"a session answered: {said[-500:]}")


def measure(name: str, running: Running, runtime: str, ask: Ask, wanted: Wanted) -> Held:
    """Opens sessions and reads what they hold. One before them lets the warm parent learn."""
    sessions = wanted.sessions
    plane, arn = client(running), running.facts["runtimes"][runtime]["arn"]
    known = set(leaders(arn))
    first = session.new()
    ask(plane, arn, first)
    plane.stop_runtime_session(agentRuntimeArn=arn, runtimeSessionId=first)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for identifiers in [[session.new() for _ in range(sessions)]] * wanted.answers:
            list(threads.map(lambda identifier: ask(plane, arn, identifier), identifiers))
    found = [pid for pid in leaders(arn) if pid not in known]
    if len(found) != sessions:
        raise SystemExit(f"{sessions} sessions were opened, {len(found)} are there")
    kinds: collections.Counter[str] = collections.Counter()
    for pid in found:
        for kind, size in mappings(pid):
            kinds[kind] += size / sessions  # type: ignore[assignment]
    return Held(name, [own_memory(pid) for pid in found], kinds)


def own_team(wanted: Wanted) -> Iterator[Held]:
    """An idle MCP server, and an agent that has answered."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "team"
        shutil.copytree(EXAMPLE, folder)
        stack = folder / "skerry.toml"
        python = json.dumps(wanted.python)
        stack.write_text(re.sub(r'(?<==) \{ path = "\w+"', rf"\g<0>, python = {python}", stack.read_text()))
        with up(folder, environment=ROOM, end_within=60) as running:
            yield measure("MCP server, idle", running, "weather", list_tools, wanted)
            ask = question("What is the forecast for the city Paris?", "18 °C")
            yield measure("agent, answered", running, "assistant", ask, wanted)


def desk(wanted: Wanted) -> Iterator[Held]:
    """The desk's agent, which has answered."""
    ask = question("What is the email for account 12345?", "user@example.com")
    with tempfile.TemporaryDirectory() as name, up(Path(name), environment=ROOM, end_within=60) as running:
        yield measure("desk's agent, answered", running, "ops", ask, wanted)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--answers", type=int, default=1, help="how often each session is asked (1)")
    parser.add_argument("--python", default=sys.executable, help="the interpreter of own_team's runtimes")
    parser.add_argument("--desk", action="store_true", help="the desk's agent too")
    parser.add_argument("--mappings", action="store_true", help="which kinds of mappings hold it")
    parser.add_argument("--check", action="store_true", help=f"exit 1 past the goal of {GOAL:g} MB")
    options = parser.parse_args()
    if not READABLE:
        print("what a process has to itself can be read on Linux only")
        return 0
    good = True
    wanted = Wanted(options.sessions, options.answers, options.python)
    for held in itertools.chain(own_team(wanted), desk(wanted) if options.desk else ()):
        print(held, flush=True)
        good = good and held.good
        if options.mappings:
            print("".join(f"    {kind:<30}{size:>6.1f} MB\n" for kind, size in held.mappings.items()), end="")
    return int(options.check and not good)


if __name__ == "__main__":
    sys.exit(main())
