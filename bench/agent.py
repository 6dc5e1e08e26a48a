"""What the agent adds to its model, and how it does when many ask at once.

    python -m bench.agent [--questions 60] [--chats 50] [--check]

    RUN_STARTED   from the question to the first event of the web service's stream
    first text    from the question to the first word, beyond the time that boto3 takes for the same from the
                  same model, asked in turns
    chats         so many at once, each a new conversation with one tool call; errors, and time to the end

The model is a stand-in of Bedrock's wire that thinks for a known time; model, gateway, service and client are
processes of one machine. Goals: both overheads at most 50 ms at p50, no error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import httpx2

GOAL_MS = 50.0
THINKS = 0.2
"""Seconds that the model thinks before its first word."""


def stand_in(thinks: float) -> None:
    """Model and gateway in a process of their own; says both URLs, ends with its standard input."""
    from tests.kit.asgi_thread import serve
    from tests.kit.bedrock import stream
    from tests.kit.mcp_gateway import gateway
    from tests.kit.scripted_model import Say, Use

    async def model(scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        last = json.loads(body)["messages"][-1]["content"]
        calls = "look it up" in json.dumps(last) and "toolResult" not in json.dumps(last)
        turn: Any = Use.one("accounts___get_email", account_id="12345") if calls else Say("It is there.")
        await asyncio.sleep(thinks)
        head = [(b"content-type", b"application/vnd.amazon.eventstream")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        for piece in stream(turn, int(time.time() * 1000)):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})

    with serve(model, lifespan="off") as url, gateway() as tools:
        print(json.dumps({"model": url, "gateway": tools.url}), flush=True)
        sys.stdin.read()


@contextlib.contextmanager
def process(*arguments: str, **variables: str) -> Iterator[dict[str, Any]]:
    """A program that says where it is in one JSON line."""
    running = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env=os.environ | variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    try:
        yield json.loads(running.stdout.readline())
    finally:
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=20)


def asked(http: httpx2.Client, prompt: str) -> tuple[float, float, float, bool]:
    """Seconds to the first event, to the first word and to the end; whether it went well."""
    began = time.perf_counter()
    first = word = 0.0
    kind = ""
    with http.stream("POST", "/stream", json={"prompt": prompt}) as answer:
        for line in answer.iter_lines():
            if not line.startswith("data: "):
                continue
            kind = json.loads(line[6:])["type"]
            first = first or time.perf_counter() - began
            if kind == "TEXT_MESSAGE_CONTENT":
                word = word or time.perf_counter() - began
    return first, word, time.perf_counter() - began, kind == "RUN_FINISHED"


def directly(bedrock: Any) -> float:
    """Seconds to the first word of the model, asked without an agent."""
    began = time.perf_counter()
    messages = [{"role": "user", "content": [{"text": "hello"}]}]
    answer = bedrock.converse_stream(modelId="local-router", messages=messages)
    first = 0.0
    for event in answer["stream"]:
        if "contentBlockDelta" in event:
            first = first or time.perf_counter() - began
    return first


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--chats", type=int, default=50)
    parser.add_argument("--check", action="store_true", help="exit 1 past the goals")
    parser.add_argument("--stand-in", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stand_in:
        stand_in(THINKS)
        return 0
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory())
        places = stack.enter_context(process("bench.agent", "--stand-in"))
        keys = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}
        service = stack.enter_context(
            process(
                "skerry.agent.service",
                HOME=home,
                PORT="0",
                SKERRY_SERVICE_AUTH="none",
                SKERRY_GATEWAY_AUTH="none",
                SKERRY_GATEWAY_URL=places["gateway"],
                AWS_ENDPOINT_URL=places["model"],
                **keys,
            )
        )
        bedrock = boto3.client(
            "bedrock-runtime",
            endpoint_url=places["model"],
            region_name="us-east-1",
            aws_access_key_id="AKIAEXAMPLE",
            aws_secret_access_key="x",
        )
        http = stack.enter_context(httpx2.Client(base_url=service["url"], timeout=120, trust_env=False))
        return report(http, bedrock, options)


def report(http: httpx2.Client, bedrock: Any, options: argparse.Namespace) -> int:
    for _ in range(3):  # the first question reads the service model and lists the tools
        asked(http, "hello")
        directly(bedrock)
    started, over = [], []
    for _ in range(options.questions):
        first, word, _, good = asked(http, "hello")
        assert good, "a question went wrong"
        started.append(1000 * first)
        over.append(1000 * (word - directly(bedrock)))
    with ThreadPoolExecutor(options.chats) as pool:
        http_limits = httpx2.Limits(max_connections=options.chats, max_keepalive_connections=options.chats)
        with httpx2.Client(
            base_url=str(http.base_url), timeout=120, trust_env=False, limits=http_limits
        ) as many:
            chats = list(pool.map(lambda _: asked(many, "look it up"), range(options.chats)))
    errors = sum(not good for *_, good in chats)
    ends = [1000 * end for _, _, end, _ in chats]
    missed = errors
    for name, values in (("RUN_STARTED", started), ("first text, beyond the model", over)):
        middle, p95 = statistics.median(values), statistics.quantiles(values, n=20)[-1]
        missed += middle > GOAL_MS
        print(f"{name:<32}{middle:8.1f} ms at p50 {p95:8.1f} ms at p95   (goal {GOAL_MS:g} ms at p50)")
    print(
        f"{f'{options.chats} chats at once':<32}{statistics.median(ends):8.1f} ms at p50 "
        f"{statistics.quantiles(ends, n=20)[-1]:8.1f} ms at p95   {errors} errors (goal 0)"
    )
    return int(options.check and missed > 0)


if __name__ == "__main__":
    sys.exit(main())
