"""Large results and arguments."""

from __future__ import annotations

from bench.proxy.bridge_probes.bench import Bench, Probe, probe
from bench.proxy.probing import Outcome, judge

MEGABYTE = 1_000_000


def result_of(size: int) -> Probe:
    async def run(bench: Bench) -> Outcome:
        async with bench.open() as bridge:
            await bridge.initialize()
            big = await bridge.call("big", {"n": size}, ident="B", timeout=25)
            ok, after = await bridge.echo("after", timeout=8, fresh=True)
            rss = bridge.rss()
        whole = len(big.text("B") or "") == size
        facts = {
            "s": round(big.seconds, 2),
            "status": big.status,
            "next": "ok" if ok else after.show(),
            "rss_mb": rss,
        }
        return judge(facts if whole else facts | {"reply": big.show()}, whole=whole, next_call=ok)

    return run


def request_of(size: int) -> Probe:
    async def run(bench: Bench) -> Outcome:
        async with bench.open() as bridge:
            await bridge.initialize()
            reply = await bridge.call("echo", {"text": "y" * size}, ident="B", timeout=25)
        whole = len(reply.text("B") or "") == size
        facts = {"s": round(reply.seconds, 2), "status": reply.status, "error": reply.error}
        return judge(facts if whole else facts | {"reply": reply.show()}, whole=whole)

    return run


for bytes_, label in ((60_000, "60kB"), (70_000, "70kB"), (MEGABYTE, "1MB"), (20 * MEGABYTE, "20MB")):
    probe(f"result_{label}", f"A result of {label} passes, and the next call works.")(result_of(bytes_))
for bytes_, label in ((200_000, "200kB"), (20 * MEGABYTE, "20MB")):
    probe(f"request_{label}", f"An argument of {label} passes.")(request_of(bytes_))
