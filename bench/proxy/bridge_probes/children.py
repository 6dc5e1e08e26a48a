"""The child: its death, its environment, its end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
import uuid
from contextlib import suppress
from subprocess import TimeoutExpired

from bench.proxy import usage
from bench.proxy.bridge_probes.bench import Bench, probe
from bench.proxy.probing import Outcome, judge


@probe(
    "child_killed", "When the child dies, its call gets a JSON-RPC error at once, and the next session works."
)
async def child_killed(bench: Bench) -> Outcome:
    async with bench.open() as bridge:
        await bridge.initialize()
        call = asyncio.ensure_future(bridge.call("slow", {"seconds": 5}, ident="K", timeout=15))
        await asyncio.sleep(0.4)
        os.kill(bridge.children()[0], signal.SIGKILL)
        start = time.monotonic()
        inflight = await call
        took = time.monotonic() - start
        ping = await bridge.ping_status()
        same, next_call = await bridge.echo("same session", fresh=True)
        await asyncio.sleep(1)
        bridge.session = None
        again = await bridge.initialize(fresh=True)
        new, last = await bridge.echo("new session", fresh=True)
    final = inflight.final("K")
    facts = {
        "inflight": inflight.show(),
        "ping_after_death": ping,
        "same_session": next_call.show(),
        "initialize": again.show(),
        "new_session": last.show(),
    }
    return judge(
        facts,
        error_within_2_s=took < 2 and ("error" in final or bool(final.get("result", {}).get("isError"))),
        works_again=same or new,
        ping_honest=ping != 200 or same,
    )


@probe("sigterm", "SIGTERM lets the call in flight finish, and no child is left behind.")
async def sigterm(bench: Bench) -> Outcome:
    bridge = bench.open()
    async with bridge:
        await bridge.initialize()
        call = asyncio.ensure_future(bridge.call("slow", {"seconds": 3}, ident="T", timeout=10))
        await asyncio.sleep(0.3)
        children = bridge.children()
        start = time.monotonic()
        bridge.process.send_signal(signal.SIGTERM)
        reply = await call
        with suppress(TimeoutExpired):
            await asyncio.to_thread(bridge.process.wait, 10)
        took, code = round(time.monotonic() - start, 2), bridge.process.poll()
        await asyncio.sleep(0.3)
        left = [pid for pid in children if usage.running(pid)]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
    facts = {"inflight": reply.show(), "exit_s": took, "exit_code": code, "left_behind": len(left)}
    return judge(facts, answered=reply.text("T") == "slept ", exited=code is not None, no_orphans=not left)


SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIAFAKE",
    "AWS_SECRET_ACCESS_KEY": "fake",
    "AWS_SESSION_TOKEN": "fake",
    "OPENAI_API_KEY": "fake",
    "GITHUB_TOKEN": "fake",
}


@probe("no_secrets", "The child inherits none of the bridge's secrets unasked, and can still find programs.")
async def no_secrets(bench: Bench) -> Outcome:
    async with bench.open(**SECRETS) as bridge:
        await bridge.initialize()
        reply = await bridge.call("environment", ident="E", timeout=8)
    names = set(json.loads(reply.text("E") or "[]"))
    facts = {"inherited": sorted(names & set(SECRETS)), "names": len(names)}
    return judge(facts, answered=bool(names), no_secrets=not names & set(SECRETS), path="PATH" in names)


@probe("stderr_shown", "What the child says on stderr before it dies is shown.")
async def stderr_shown(bench: Bench) -> Outcome:
    words = "cannot find my configuration file " + uuid.uuid4().hex
    async with bench.open() as bridge:
        await bridge.initialize()
        reply = await bridge.call("die", {"words": words}, ident="D", timeout=10)
        await asyncio.sleep(0.3)
    shown = words in bench.log.read_text(errors="replace") or words in json.dumps(reply.messages)
    return judge({"reply": reply.show()}, error_answer="error" in reply.final("D"), shown=shown)


@probe(
    "crash_loop",
    "A child that dies on every call never stops the bridge from answering each call with an error.",
)
async def crash_loop(bench: Bench) -> Outcome:
    async with bench.open() as bridge:
        await bridge.initialize()
        replies = [await bridge.call("die", ident=f"D{k}", timeout=10, fresh=True) for k in range(5)]
        ping = await bridge.ping_status()
    kinds = [
        "error" if "error" in r.final(f"D{k}") or r.refused else r.show()[0] for k, r in enumerate(replies)
    ]
    facts = {"answers": kinds, "slowest_s": round(max(r.seconds for r in replies), 2), "ping": ping}
    return judge(facts, each_answered=set(kinds) == {"error"}, bridge_answers=ping != -1)
