"""Fifty people at the desk at once: `python -m bench.desk [--chats 50] [--check]`.

The whole stack as `skerry up` runs it; each chat is a session of the runtime `ops` (a process of its own)
that asks three questions in a row, signed, with tools behind a Lambda and an MCP target. Every answer is
looked at. Clients, stack, sessions and servers share the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from skerry.auth import local
from skerry.auth.aws.sigv4 import sign
from skerry.wire import session
from skerry.wire.endpoints import invocation_url
from skerry.wire.headers import RUNTIME_SESSION_ID
from tests.journeys.running import up

QUESTIONS = (
    ("What is the email for account 12345?", "user@example.com"),
    ("List my EC2 instances in us-east-1", "orders-db"),
    ("What is the capital of France?", ""),
)


@dataclass
class Seen:
    """What all chats saw: seconds until the first event and until the answer's end, and what went wrong."""

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


async def ask(
    http: httpx2.AsyncClient, stack: Mapping[str, Any], identifier: str, question: tuple[str, str], seen: Seen
) -> None:
    text, expected = question
    url = invocation_url(stack["endpoint"], stack["runtimes"]["ops"]["arn"])
    body = json.dumps({"prompt": text}).encode()
    headers = {"Content-Type": "application/json", RUNTIME_SESSION_ID: identifier}
    headers |= sign(
        "POST", url, headers, body,
        credentials=local.credentials(stack), region=stack["region"],
        service="bedrock-agentcore", now=time.time(),
    )  # fmt: skip
    began, events = time.perf_counter(), []
    async with http.stream("POST", url, content=body, headers=headers) as answer:
        if answer.status_code != 200:
            seen.wrong.append(f"HTTP {answer.status_code}: {(await answer.aread())[:200]!r}")
            return
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                if not events:
                    seen.first.append(time.perf_counter() - began)
                events.append(json.loads(line[6:]))
    seen.whole.append(time.perf_counter() - began)
    said = json.dumps(events)
    if not events or events[-1]["type"] != "RUN_FINISHED" or expected not in said:
        seen.wrong.append(f"{text}: {said[-300:]}")


async def chats(stack: Mapping[str, Any], count: int) -> tuple[Seen, Seen, float]:
    """First questions, later questions, and the seconds that everything took."""
    cold, warm = Seen(), Seen()
    limits = httpx2.Limits(max_connections=count)
    async with httpx2.AsyncClient(timeout=180, trust_env=False, limits=limits) as http:

        async def chat() -> None:
            identifier = session.new()
            for number, question in enumerate(QUESTIONS):
                await ask(http, stack, identifier, question, warm if number else cold)

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(chat())
        return cold, warm, time.perf_counter() - began


def line(name: str, values: list[float]) -> str:
    values = sorted(values)
    p95 = values[int(len(values) * 0.95)] if values else 0.0
    return (
        f"{name:<44}{statistics.median(values or [0]):>8.2f} s p50 {p95:>8.2f} s p95 {len(values):>6} answers"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--chats", type=int, default=50)
    parser.add_argument("--check", action="store_true", help="exit 1 on any wrong answer")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, up(Path(folder), end_within=30) as running:
        stack = local.read(running.state)
        assert stack is not None
        one, later, _ = asyncio.run(chats(stack, 1))
        cold, warm, took = asyncio.run(chats(stack, options.chats))
    print(line("one chat, first question, first event", one.first))
    print(line("one chat, later questions, first event", later.first))
    print(line(f"{options.chats} chats at once, first questions, whole", cold.whole))
    print(line(f"{options.chats} chats at once, later questions, whole", warm.whole))
    asked = len(QUESTIONS) * options.chats
    wrong = one.wrong + later.wrong + cold.wrong + warm.wrong
    print(f"{asked} questions in {took:.1f} s, {asked / took:.1f}/s; {len(wrong)} went wrong")
    print("".join(f"  {text}\n" for text in wrong[:10]), end="")
    return int(options.check and bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
