"""Requests of the child reach the client that they are meant for."""

from __future__ import annotations

import asyncio

from bench.proxy.bridge_probes.bench import Bench, Probe, probe
from bench.proxy.probing import Outcome, judge


def server_request(tool: str) -> Probe:
    async def run(bench: Bench) -> Outcome:
        async with bench.open() as bridge:
            await bridge.initialize({"sampling": {}, "elicitation": {}})
            reply = await bridge.call(tool, ident="S1", timeout=12)
        return judge(
            {"reply": reply.show(), "content_type": reply.content_type},
            answered=(reply.text("S1") or "").startswith("answered"),
        )

    return run


probe("sampling", "A sampling request of the child is answered during the call.")(server_request("sample"))
probe("elicitation", "An elicitation request of the child is answered during the call.")(
    server_request("elicit")
)


@probe(
    "interleaved",
    "A slow call, a sampling call and an echo in flight: each POST carries its own messages only.",
)
async def interleaved(bench: Bench) -> Outcome:
    async with bench.open() as bridge:
        await bridge.initialize({"sampling": {}})
        slow = asyncio.ensure_future(bridge.call("slow", {"seconds": 1, "tag": "A"}, ident="A", timeout=12))
        await asyncio.sleep(0.05)
        ask = asyncio.ensure_future(bridge.call("sample", {"tag": "S"}, ident="S", timeout=12))
        await asyncio.sleep(0.1)
        ok, echo = await bridge.echo("C", timeout=12)
        a, s = await slow, await ask
    foreign = [m for m in a.messages if isinstance(m, dict) and m.get("method") == "sampling/createMessage"]
    facts = {"A": a.show(), "S": s.show(), "C": echo.show()}
    return judge(
        facts,
        a=a.text("A") == "slept A",
        s="re: S" in (s.text("S") or ""),
        c=ok,
        no_foreign_request=not foreign,
    )


@probe("unanswered_sampling", "A sampling request that nobody answers disturbs no other call.")
async def unanswered_sampling(bench: Bench) -> Outcome:
    async with bench.open() as bridge:
        await bridge.initialize({"sampling": {}})
        never = asyncio.ensure_future(bridge.call("sample", ident="S", timeout=4, answer=False))
        await asyncio.sleep(0.2)
        ok1, between = await bridge.echo("between")
        slow = await bridge.call("slow", {"seconds": 1, "tag": "A"}, ident="A", timeout=8)
        await never
        ok2, after = await bridge.echo("after")
    facts = {"between": between.show(), "A": slow.show(), "after": after.show()}
    return judge(facts, between=ok1, slow=slow.text("A") == "slept A", after=ok2)


@probe("crossed_sampling", "Two sampling calls answered in the opposite order each get their own answer.")
async def crossed_sampling(bench: Bench) -> Outcome:
    async with bench.open() as bridge:
        await bridge.initialize({"sampling": {}})
        one, two = await asyncio.gather(
            bridge.call("sample", {"tag": "one"}, ident="S1", timeout=9, delay=1.0),
            bridge.call("sample", {"tag": "two"}, ident="S2", timeout=9),
        )
    # A bridge may hand a result to the POST that carried the answer, so look in both.
    texts = [next((t for r in (one, two) if (t := r.text(ident))), "") for ident in ("S1", "S2")]
    return judge({"S1": one.show(), "S2": two.show()}, one="re: one" in texts[0], two="re: two" in texts[1])
