"""Speed of stdio MCP proxies, side by side, against one fake AgentCore on loopback.

`direct` is the baseline without a proxy. With --runs above 1 the peers take turns, and the table shows the
median with the range. Compare milliseconds of CPU per call first: it suffers least from other work on the
machine.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import uvloop

from bench.proxy.commands import chosen, options, proxy_command, table
from bench.proxy.direct import DirectClient
from bench.proxy.figures import (
    Goal,
    Rows,
    environment_line,
    median,
    merge,
    ms,
    percentile,
    ratio_table,
    report_goals,
    speed_table,
)
from bench.proxy.servers import log_folder, server
from bench.proxy.stdio import StdioClient, text_of

COLUMNS = {
    "startup_ms": "start ms",
    "echo_p50_ms": "p50 ms",
    "echo_p99_ms": "p99 ms",
    "echo_cpu_ms": "CPU ms/call",
    "throughput_16": "16 in flight /s",
    "slow10_s": "10 x 1 s, s",
    "echo_behind_slow_ms": "echo behind 2 s call, ms",
    "ping_behind_slow_ms": "ping behind 2 s call, ms",
    "first_progress_ms": "first progress ms",
    "rss_idle_mb": "RSS idle MB",
    "peak_mb": "peak MB",
    "wrong": "wrong answers",
}
STARTS = 5
IN_FLIGHT = 16
SECONDS = 2.0
LIMIT = 240.0  # seconds of one peer's run


async def measure(make: Callable[[], Any], calls: int) -> dict[str, Any]:
    """All figures of one peer."""
    out: dict[str, Any] = {}
    starts = []
    for _ in range(STARTS):
        async with make() as client:
            await client.initialize()
            starts.append(client.startup)
    out["startup_ms"] = ms(percentile(starts, 0.5))
    async with make() as client:
        await client.initialize()
        out["rss_idle_mb"], out["startup_cpu_ms"] = client.rss(), ms(client.cpu())
        await client.request("tools/list")
        out |= await one_by_one(client, calls)
        out |= await at_once(client)
        out |= await with_slow_calls(client)
        out["first_progress_ms"] = await first_progress(client)
        out["peak_mb"] = client.peak()
        out["wrong"] += len(client.unmatched)
    return out


async def one_by_one(client: Any, calls: int) -> dict[str, Any]:
    for _ in range(20):
        await client.call("echo", {"text": "warm"})
    before = client.cpu()
    latencies = [(await client.call("echo", {"text": "hello"}))[0] for _ in range(calls)]
    return {
        "echo_cpu_ms": round((client.cpu() - before) * 1000 / calls, 3),
        "echo_p50_ms": ms(percentile(latencies, 0.5)),
        "echo_p99_ms": ms(percentile(latencies, 0.99)),
    }


async def at_once(client: Any) -> dict[str, Any]:
    """Calls per second of sixteen callers, each of which waits for its answer, for SECONDS."""
    done = wrong = 0
    start = time.monotonic()

    async def caller(name: str) -> None:
        nonlocal done, wrong
        while time.monotonic() - start < SECONDS:
            text = f"{name}-{done}"
            _, message = await client.call("echo", {"text": text})
            wrong += text_of(message) != text
            done += 1

    await asyncio.gather(*(caller(f"c{k}") for k in range(IN_FLIGHT)))
    return {"throughput_16": round(done / (time.monotonic() - start), 1), "wrong": wrong}


async def with_slow_calls(client: Any) -> dict[str, Any]:
    start = time.monotonic()
    slow = await asyncio.gather(*(client.call("slow", {"seconds": 1.0}) for _ in range(10)))
    out = {"slow10_s": round(time.monotonic() - start, 3)}
    assert all(text_of(message) == "slept" for _, message in slow), "a slow call was not answered"
    echo = {"name": "echo", "arguments": {"text": "x"}}
    out["echo_behind_slow_ms"] = await behind(client, "tools/call", echo)
    out["ping_behind_slow_ms"] = await behind(client, "ping", {})
    return out


async def behind(client: Any, method: str, params: dict[str, Any]) -> float:
    """How long a quick request waits while a 2 s call is in flight."""
    slow = asyncio.ensure_future(client.call("slow", {"seconds": 2.0}))
    await asyncio.sleep(0.2)
    try:
        took, _ = await client.request(method, params)
    finally:
        await slow
    return ms(took)


async def first_progress(client: Any) -> float | None:
    """Milliseconds from the server's first progress event to the client, median of five calls.

    The fake says in the event when it was sent; the monotonic clock is one for the whole machine.
    """
    took = []
    for turn in range(5):
        known, token = len(client.notifications), f"token-{turn}"
        await client.call("progress", {"n": 1, "interval": 0.3}, meta={"progressToken": token})
        for arrived, message in client.notifications[known:]:
            if message["method"] == "notifications/progress":
                took.append(arrived - float(message["params"]["message"]))
                break
    return ms(percentile(took, 0.5)) if len(took) == 5 else None


def goals(rows: Rows, entries: Mapping[str, Mapping[str, Any]]) -> list[Goal]:
    """What skerry sets out to reach, against the peers that ran."""
    peers = [name for name in rows if name not in ("ours", "direct")]
    signing = [name for name in peers if entries[name].get("signs")]

    def ours(key: str) -> float | None:
        return median(rows, "ours", key)

    def others(key: str, names: list[str]) -> list[float]:
        found = (median(rows, name, key) for name in names)
        return [value for value in found if value is not None]

    def share(factor: float, best: float | None) -> float | None:
        return None if best is None else factor * best

    direct, own = median(rows, "direct", "echo_p50_ms"), ours("echo_p50_ms")
    fastest = min(others("echo_p50_ms", peers), default=None)
    added = None if None in (own, direct) else own - direct
    best_added = None if None in (fastest, direct) else fastest - direct
    rate = max(others("throughput_16", peers), default=None)
    return [
        Goal(
            "start, ms",
            ours("startup_ms"),
            share(0.6, min(others("startup_ms", peers), default=None)),
        ),
        Goal(
            "CPU per signed call, ms",
            ours("echo_cpu_ms"),
            share(0.5, min(others("echo_cpu_ms", signing), default=None)),
        ),
        Goal("added p50 over direct, ms", added, share(0.5, best_added)),
        Goal("calls/s with 16 in flight", ours("throughput_16"), share(2, rate), at_least=True),
        Goal("ten 1 s calls, s", ours("slow10_s"), 1.15),
        Goal("first progress event, ms", ours("first_progress_ms"), 30),
        Goal("peak memory, MB", ours("peak_mb"), min(others("peak_mb", peers), default=None)),
        Goal("wrong answers", ours("wrong"), 0),
    ]


async def rounds(
    args: Namespace, entries: Mapping[str, Mapping[str, Any]], names: list[str], logs: Path
) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    kind = "json" if args.json else "sse"
    with server("agentcore", *(["--json"] if args.json else [])) as port:
        for turn in range(args.runs):
            for name in names:

                def make(peer: str = name) -> Any:
                    if peer == "direct":
                        return DirectClient(port)
                    command = proxy_command(peer, entries[peer], port, args)
                    return StdioClient(command, logs / f"speed-{peer}.stderr")

                try:
                    result = await asyncio.wait_for(measure(make, args.n), LIMIT)
                except Exception as error:  # noqa: BLE001  (a broken peer must not end the comparison)
                    result = {"failed": f"{type(error).__name__}: {error}"}
                print(f"{name} run {turn + 1}: {json.dumps(result)}", flush=True)
                rows[name].append(result)
                merge(args.out, name, f"speed-{kind}", rows[name])
    return rows


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--json", action="store_true", help="JSON replies instead of SSE")
    parser.add_argument("-n", type=int, default=400, help="calls one after the other")
    parser.add_argument("--runs", type=int, default=1)
    args = parser.parse_args()
    entries = table(args, "proxies")
    names = chosen(args, entries, ["direct"])
    print(f"# {environment_line()}", flush=True)
    with log_folder(args) as logs:
        rows = uvloop.run(rounds(args, entries, names, logs))
    print(f"\n{speed_table(rows, COLUMNS)}")
    print(ratio_table(rows, COLUMNS))
    good = report_goals(goals(rows, entries)) if "ours" in rows else True
    print(f"\nafterwards: {environment_line()}")
    return 1 if args.check and not good else 0


if __name__ == "__main__":
    sys.exit(main())
