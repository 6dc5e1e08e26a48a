"""Sizes, odd bodies and framing."""

from __future__ import annotations

import asyncio
import json

from bench.proxy.figures import brief
from bench.proxy.probes.bench import Answer, Bench, Json, Probe, ask, probe, ready
from bench.proxy.probing import Outcome, judge
from bench.proxy.stdio import text_of

MEGABYTE = 1_000_000


def payload(size: int) -> Probe:
    async def run(bench: Bench) -> Outcome:
        async with bench.open() as client:
            await ready(client)
            out = await ask(client, "big", {"n": size}, timeout=22)
            both = Answer("not tried", 0, {})
            if out.kind == "result":
                both = await ask(client, "echo", {"text": "y" * size}, timeout=22)
            facts: Json = {
                "result": [out.kind, round(out.seconds, 2)],
                "both_ways": [both.kind, round(both.seconds, 2)],
            }
            facts |= {"rss_mb": client.rss(), "alive": client.alive}
        return judge(facts, result=len(out.text or "") == size, both_ways=len(both.text or "") == size)

    return run


for megabytes in (1, 4, 20):
    probe(
        f"payload_{megabytes}MB", f"{megabytes} MB pass in the result and in the arguments within 22 s each."
    )(payload(megabytes * MEGABYTE))


@probe(
    "payload_linear", "A 4 MB result over SSE takes at most ten times as long as a 1 MB result (plus 0.3 s)."
)
async def payload_linear(bench: Bench) -> Outcome:
    async with bench.open() as client:
        await ready(client)
        times = {
            mb: (await ask(client, "big", {"n": int(mb * MEGABYTE)}, timeout=25)).seconds
            for mb in (0.25, 1, 4)
        }
    return judge({f"{mb} MB": round(s, 3) for mb, s in times.items()}, linear=times[4] <= 10 * times[1] + 0.3)


@probe("pretty_json", "A pretty-printed JSON body is passed on as one line.")
async def pretty_json(bench: Bench) -> Outcome:
    async with bench.open() as client:
        await ready(client)
        answer = await ask(client, "echo", {"text": "pretty", "as": "pretty"}, timeout=8)
        extra = list(client.unmatched)
    return judge(
        {"answer": answer.show(), "unmatched": brief(extra)},
        answered=answer.text == "pretty",
        clean_stdout=not extra,
    )


@probe(
    "malformed_input", "Input that is not a JSON-RPC message neither kills the proxy nor reaches the server."
)
async def malformed_input(bench: Bench) -> Outcome:
    async with bench.open() as client:
        await client.initialize()
        await asyncio.sleep(0.3)
        bench.reset()
        await client.write(b"{not json}\n[]\n42\n")
        await asyncio.sleep(0.5)
        posts = bench.stats()["posts"]
        answer = await ask(client, "echo", {"text": "alive"}, timeout=10)
        facts = {"posts": posts, "next": answer.kind, "unmatched": brief(client.unmatched, 400)}
    return judge(facts, alive=answer.text == "alive", not_forwarded=posts == 0)


@probe("utf8_stdio", "stdin and stdout are UTF-8 whatever the console encoding says (simulates Windows).")
async def utf8_stdio(bench: Bench) -> Outcome:
    async with bench.open(PYTHONIOENCODING="cp1252") as client:
        await client.initialize()
        future = client.expect(99)
        request = {
            "jsonrpc": "2.0",
            "id": 99,
            "method": "tools/call",
            "params": {"name": "echo", "arguments": {"text": "é☃😀"}},
        }
        await client.write(json.dumps(request, ensure_ascii=False).encode() + b"\n")
        try:
            text = text_of((await asyncio.wait_for(future, 8))[1])
        except (TimeoutError, EOFError) as error:
            text = type(error).__name__
    return judge({"text": text}, unchanged=text == "é☃😀")
