"""`tools/list` over 1,000 tools on one page, beside an application that only sends the same bytes.

    python -m bench.gateway.lists [--seconds 4] [--check]

Both under uvicorn, taking turns. Goal: a list costs at most twice the CPU of sending its bytes.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.gateway.__main__ import program
from bench.gateway.load import LEGACY, Connection, cpu_seconds
from bench.gateway.programs import GATEWAY

TOOLS, ROUNDS, GOAL = 1000, 5, 2.0
LIST = b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
HEADERS = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
    "mcp-protocol-version": LEGACY,
}


async def once(url: str) -> bytes:
    connection = Connection(url, HEADERS)
    status, _, body = await connection.post(LIST)
    connection.close()
    assert status == 200, body[:300]
    assert body.count(b'"name":"') >= TOOLS, body[:300]
    return body


async def measure(url: str, pid: int, seconds: float) -> tuple[float, float]:
    """CPU milliseconds of the process per list, and the median time of one."""
    connection, times = Connection(url, HEADERS), []
    before, end = cpu_seconds(pid), time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        await connection.post(LIST)
        times.append(time.perf_counter() - began)
    after = cpu_seconds(pid)
    connection.close()
    assert before is not None
    assert after is not None
    return 1000 * (after - before) / len(times), 1000 * statistics.median(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--check", action="store_true", help="exit 1 when the goal is missed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gateway-lists-") as name:
        folder = Path(name)
        with program(folder, "lists", str(TOOLS)) as (port, plane):
            listing = f"http://127.0.0.1:{port}/gateway/{GATEWAY}/mcp"
            body = asyncio.run(once(listing))
            with program(folder, "bytes", feed=body) as (other, bare):
                plain = f"http://127.0.0.1:{other}/"
                rows: dict[str, list[tuple[float, float]]] = {"gateway": [], "bytes": []}
                for _ in range(ROUNDS):
                    share = options.seconds / ROUNDS
                    rows["gateway"].append(asyncio.run(measure(listing, plane, share)))
                    rows["bytes"].append(asyncio.run(measure(plain, bare, share)))
    cpu = {key: statistics.median(each[0] for each in values) for key, values in rows.items()}
    took = {key: statistics.median(each[1] for each in values) for key, values in rows.items()}
    ratio = cpu["gateway"] / cpu["bytes"]
    print(
        f"tools/list of {TOOLS} tools, {len(body) / 1024:.0f} KiB: CPU {cpu['gateway']:.2f} ms,"
        f" the bytes alone {cpu['bytes']:.2f} ms, ratio {ratio:.1f} (goal at most {GOAL:g});"
        f" p50 {took['gateway']:.2f} ms and {took['bytes']:.2f} ms"
    )
    return 1 if options.check and ratio > GOAL else 0


if __name__ == "__main__":
    sys.exit(main())
