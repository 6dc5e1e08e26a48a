"""The end of stdin and signals."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from bench.proxy.probes.bench import Answer, Bench, ask, probe
from bench.proxy.probing import Outcome, judge


@probe("stdin_eof", "When stdin ends, the call in flight is still answered, and then the process exits.")
async def stdin_eof(bench: Bench) -> Outcome:
    async with bench.open() as client:
        await client.initialize()
        call = asyncio.ensure_future(ask(client, "slow", {"seconds": 3}))
        await asyncio.sleep(0.3)
        took = await client.close(8)
        answer = call.result() if call.done() else Answer("none", 0, {})
        call.cancel()
    facts = {
        "exit_s": took and round(took, 2),
        "exit_code": client.process.returncode,
        "answer": answer.show(),
    }
    return judge(facts, answered=answer.text == "slept", exited=took is not None)


@probe("sigterm", "SIGTERM ends the process within 8 s.")
async def sigterm(bench: Bench) -> Outcome:
    async with bench.open() as client:
        await client.initialize()
        call = asyncio.ensure_future(ask(client, "slow", {"seconds": 3}))
        await asyncio.sleep(0.3)
        start = time.monotonic()
        client.process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(client.process.wait(), 8)
        facts = {"exit_s": round(time.monotonic() - start, 2), "exit_code": client.process.returncode}
        alive = client.alive
        call.cancel()
    return judge(facts, exited=not alive)
