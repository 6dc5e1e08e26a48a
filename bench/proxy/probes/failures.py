"""HTTP errors, silence and missing servers: one answer, one execution."""

from __future__ import annotations

import asyncio
import json
import time
import uuid

from bench.proxy.figures import brief
from bench.proxy.probes.bench import Bench, Probe, ask, probe, ready
from bench.proxy.probing import Outcome, judge
from bench.proxy.servers import free_port


def http_status(status: int) -> Probe:
    """429 says that nothing ran, and 404 that the session is gone: only these may be sent again."""

    async def run(bench: Bench) -> Outcome:
        async with bench.open() as client:
            await ready(client)
            bench.reset()
            answer = await ask(client, "fail", {"status": status})
            posts = bench.executions("fail")
            after = await ask(client, "echo", {"text": "alive"}, timeout=10)
            extra = list(client.unmatched)
        body = json.dumps(answer.message)
        facts = {"answer": answer.show(), "posts": posts, "next": after.kind}
        conditions = {
            "answered_once": answer.kind not in ("none", "exited") and not extra,
            "alive": after.text == "alive",
            "sent_once": posts == 1 or status == 429 or (status == 404 and posts == 2),
            "no_response_dump": "HTTPHeaders" not in body,
        }
        if status == 403:
            conditions["says_access_denied"] = "AccessDenied" in body and "expired" not in body
        return judge(facts, **conditions)

    return run


for code in (400, 403, 404, 429, 500, 503):
    resend = {404: ", or again in a new session", 429: ", or again after a pause"}.get(code, "")
    sentence = f"HTTP {code} on a call gives exactly one error answer, and the call is sent once{resend}."
    probe(f"http_{code}", sentence)(http_status(code))


@probe("http_429_once", "A single 429 is retried after a pause and the client sees the result.")
async def http_429_once(bench: Bench) -> Outcome:
    async with bench.open() as client:
        await ready(client)
        answer = await ask(client, "fail", {"status": 429, "once": uuid.uuid4().hex})
    return judge({"answer": answer.show()}, recovered=answer.text == "recovered")


@probe(
    "dead_upstream",
    "An unreachable server makes initialize fail within 20 s, instead of a session without tools.",
)
async def dead_upstream(bench: Bench) -> Outcome:
    async with bench.open(port=free_port()) as client:
        start = time.monotonic()
        try:
            message = await client.initialize(timeout=20)
        except (TimeoutError, EOFError) as error:
            message = {"none": type(error).__name__}
        facts = {"s": round(time.monotonic() - start, 2), "answer": brief(message), "alive": client.alive}
    return judge(facts, error_answer="error" in message)


@probe("rpc_error_code", "A JSON-RPC error of the server keeps its code.")
async def rpc_error_code(bench: Bench) -> Outcome:
    async with bench.open() as client:
        await ready(client)
        answer = await ask(client, "rpcerror", {"code": -32050})
    return judge({"answer": answer.show()}, code_kept=answer.code == -32050)


@probe("stream_without_result", "A stream that ends without a result gives an error answer.")
async def stream_without_result(bench: Bench) -> Outcome:
    async with bench.open() as client:
        await ready(client)
        answer = await ask(client, "drop", timeout=12)
    return judge({"answer": answer.show()}, answered=answer.kind in ("error", "tool-error"))


@probe("read_timeout", "A read timeout gives one error answer and does not run the tool again.")
async def read_timeout(bench: Bench) -> Outcome:
    if skipped := bench.lacks("with_read_timeout"):
        return skipped
    async with bench.open("with_read_timeout") as client:
        await ready(client)
        bench.reset()
        answer = await ask(client, "slow", {"seconds": 3}, timeout=15)
        await asyncio.sleep(0.5)
        runs = bench.executions("slow")
        facts = {"answer": answer.show(), "runs": runs, "alive": client.alive}
        return judge(
            facts, answered=answer.kind in ("error", "tool-error"), run_once=runs == 1, alive=client.alive
        )


@probe(
    "silent_stream",
    "A stream silent for longer than the read timeout gives an error answer; the proxy lives on.",
)
async def silent_stream(bench: Bench) -> Outcome:
    if skipped := bench.lacks("with_read_timeout"):
        return skipped
    async with bench.open("with_read_timeout") as client:
        await ready(client)
        bench.reset()
        answer = await ask(
            client, "progress", {"n": 1, "interval": 4}, timeout=10, meta={"progressToken": "token"}
        )
        await asyncio.sleep(0.3)
        alive, code, runs = client.alive, client.process.returncode, bench.executions("progress")
    facts = {"answer": answer.show(), "alive": alive, "exit_code": code, "runs": runs}
    return judge(facts, answered=answer.kind not in ("none", "exited"), alive=alive, run_once=runs == 1)
