"""Speed of bridges (HTTP in front of a stdio MCP server), side by side, with a trivial child.

The HTTP client shares the machine with the bridge, so the throughput of a fast bridge may be the client's
limit. Memory and CPU are those of the bridge alone, without the child.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvloop

from bench.proxy.bridge import Bridge
from bench.proxy.commands import bridge_command, chosen, options, table
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
from bench.proxy.servers import free_port, log_folder

COLUMNS = {
    "http_up_ms": "HTTP up ms",
    "init_ms": "initialized ms",
    "echo_p50_ms": "p50 ms",
    "echo_p99_ms": "p99 ms",
    "echo_cpu_ms": "CPU ms/call",
    "throughput_16": "16 in flight /s",
    "slow10_s": "10 x 1 s, s",
    "echo_behind_slow_ms": "echo behind 2 s call, ms",
    "rss_idle_mb": "RSS idle MB",
    "peak_mb": "peak MB",
    "wrong": "wrong answers",
    "stop_s": "stop s",
    "orphans": "orphans",
}
IN_FLIGHT = 16
SECONDS = 2.0
LIMIT = 180.0  # seconds of one peer's run


async def measure(bridge: Bridge, calls: int) -> dict[str, Any]:
    """All figures of one bridge."""
    out: dict[str, Any] = {}
    async with bridge:
        await bridge.initialize()
        out["http_up_ms"], out["init_ms"] = ms(bridge.up_seconds), ms(bridge.init_seconds)
        out["rss_idle_mb"] = bridge.rss()
        for k in range(20):
            await bridge.echo(f"warm{k}")
        before = bridge.cpu()
        replies = [await bridge.echo(f"s{k}") for k in range(calls)]
        out["echo_cpu_ms"] = round((bridge.cpu() - before) * 1000 / calls, 3)
        latencies = [reply.seconds for _, reply in replies]
        out["echo_p50_ms"], out["echo_p99_ms"] = (
            ms(percentile(latencies, 0.5)),
            ms(percentile(latencies, 0.99)),
        )
        out["throughput_16"], wrong = await at_once(bridge)
        out["wrong"] = wrong + sum(not ok for ok, _ in replies)
        start = time.monotonic()
        await asyncio.gather(*(bridge.call("slow", {"seconds": 1}) for _ in range(10)))
        out["slow10_s"] = round(time.monotonic() - start, 3)
        slow = asyncio.ensure_future(bridge.call("slow", {"seconds": 2}))
        await asyncio.sleep(0.2)
        out["echo_behind_slow_ms"] = ms((await bridge.echo("quick"))[1].seconds)
        out["ping"] = await bridge.ping()
        await slow
        out["peak_mb"] = bridge.peak()
    out["stop_s"], out["orphans"] = bridge.stop_seconds, len(bridge.orphans)
    return out


async def at_once(bridge: Bridge) -> tuple[float, int]:
    """Calls per second of sixteen callers, each of which waits for its answer, for SECONDS; wrong answers."""
    done = wrong = 0
    start = time.monotonic()

    async def caller(name: str) -> None:
        nonlocal done, wrong
        while time.monotonic() - start < SECONDS:
            wrong += not (await bridge.echo(f"{name}-{done}", timeout=30))[0]
            done += 1

    await asyncio.gather(*(caller(f"c{k}") for k in range(IN_FLIGHT)))
    return round(done / (time.monotonic() - start), 1), wrong


def goals(rows: Rows) -> list[Goal]:
    """What skerry sets out to reach, on each of the two contracts, against the peers that ran."""
    peers = [name for name in rows if not name.startswith("ours")]

    def others(key: str) -> list[float]:
        return [value for name in peers if (value := median(rows, name, key)) is not None]

    fastest, rate = min(others("echo_p50_ms"), default=None), max(others("throughput_16"), default=None)
    found = []
    for name in (each for each in rows if each.startswith("ours")):
        found += [
            Goal(f"{name}: p50, ms", median(rows, name, "echo_p50_ms"), fastest),
            Goal(
                f"{name}: calls/s with 16 in flight",
                median(rows, name, "throughput_16"),
                None if rate is None else 2 * rate,
                at_least=True,
            ),
            Goal(f"{name}: ten 1 s calls, s", median(rows, name, "slow10_s"), 1.15),
            Goal(f"{name}: wrong answers", median(rows, name, "wrong"), 0),
            Goal(f"{name}: processes left behind", median(rows, name, "orphans"), 0),
        ]
    return found


async def rounds(
    args: Namespace, entries: Mapping[str, Mapping[str, Any]], names: list[str], logs: Path
) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for turn in range(args.runs):
        for name in names:
            port = free_port()
            command = bridge_command(name, entries[name], port, args)
            bridge = Bridge(command, port, logs / f"bridge-speed-{name}.log")
            try:
                result = await asyncio.wait_for(measure(bridge, args.n), LIMIT)
            except Exception as error:  # noqa: BLE001  (a broken peer must not end the comparison)
                result = {"failed": f"{type(error).__name__}: {error}"}
            print(f"{name} run {turn + 1}: {json.dumps(result)}", flush=True)
            rows[name].append(result)
            merge(args.out, name, "bridge-speed", rows[name])
    return rows


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("-n", type=int, default=400, help="calls one after the other")
    parser.add_argument("--runs", type=int, default=1)
    args = parser.parse_args()
    entries = table(args, "bridges")
    names = chosen(args, entries)
    print(f"# {environment_line()}", flush=True)
    with log_folder(args) as logs:
        rows = uvloop.run(rounds(args, entries, names, logs))
    print(f"\n{speed_table(rows, COLUMNS)}")
    print(ratio_table(rows, COLUMNS))
    good = report_goals(goals(rows)) if any(name.startswith("ours") for name in rows) else True
    print(f"\nafterwards: {environment_line()}")
    return 1 if args.check and not good else 0


if __name__ == "__main__":
    sys.exit(main())
