"""Gateway `tools/call` against the same backend directly, with create_proxy and ContextForge as peers.

    python -m bench.gateway [--seconds 4] [--rounds 3] [--connections 1,16,64] [--only NAMES] [--check]

Load generator, gateway and backend are one process each and share the machine: read ratios, added
milliseconds and CPU per call, not absolute rates. At one connection each call through a gateway is followed
by one to the backend itself, and `added p50` is the difference of their medians, so that noise of the machine
meets both; the other levels compare with the direct rows. ContextForge (with sessions) takes part where
`make bench-peers` installed it. Goals, which `--check` enforces: at one connection at most 3 ms added p50;
CPU per call at most 1.5 ms, and at 64 connections at most 1.3 times that at one; at 16 at least 10 times the
calls of FastMCP's create_proxy and 5 times those of ContextForge.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.gateway import contextforge
from bench.gateway.programs import AUDIENCE, GATEWAY

OURS = ("gateway", "gateway-2026", "gateway-jwt")
SYSTEMS = ("direct", "direct-2026", *OURS, "create_proxy", "contextforge")
BASE = dict.fromkeys(("gateway", "gateway-jwt", "create_proxy", "contextforge"), "direct")
BASE |= {"gateway-2026": "direct-2026"}
FASTER = {"create_proxy": 10.0, "contextforge": 5.0}
"""How many times the calls of a peer the gateway should answer at 16 connections."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def program(folder: Path, name: str, *arguments: str, feed: bytes = b"") -> Iterator[tuple[int, int]]:
    """A program of the benchmark on a free port: its port and process id. `feed` is its standard input."""
    port = free_port()
    log = folder / f"{name}-{port}.log"
    command = [sys.executable, "-m", "bench.gateway.programs", name, str(port), *arguments]
    with log.open("wb") as sink, tempfile.TemporaryFile() as source:
        source.write(feed)
        source.seek(0)
        process = subprocess.Popen(command, stdout=sink, stderr=sink, stdin=source)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
                break
            if process.poll() is not None:
                break
            time.sleep(0.1)
        if process.poll() is not None:
            raise SystemExit(f"{name} did not start:\n{log.read_text(errors='replace')[-2000:]}")
        yield port, process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def provider() -> Iterator[tuple[str, str]]:
    """An identity provider in this process: its discovery URL, and a token for the gateway."""
    import httpx2

    from skerry.idp import Client, Realm, run_server_in_thread

    secret = os.urandom(24).hex()
    client = Client(id="bench", secret=secret, audiences=(AUDIENCE,))
    with run_server_in_thread((Realm(name="bench", clients={"bench": client}),)) as idp:
        form = {
            "grant_type": "client_credentials",
            "audience": AUDIENCE,
            "client_id": "bench",
            "client_secret": secret,
        }
        answer = httpx2.post(idp.token_endpoint("bench"), data=form, trust_env=False)
        yield f"{idp.issuers['bench']}/.well-known/openid-configuration", str(answer.json()["access_token"])


@contextlib.contextmanager
def system(name: str, folder: Path, backend: str) -> Iterator[dict]:
    """What the load generator needs to know of a running system."""
    target = {"modern": name.endswith("2026"), "token": "", "tool": "echo___echo", "pid": None}
    target["sessions"] = False
    gateway_path = f"/gateway/{GATEWAY}/mcp"
    if name.startswith("direct"):
        yield {**target, "url": backend, "tool": "echo"}
    elif name == "create_proxy":
        with program(folder, "proxy", backend) as (port, pid):
            yield {**target, "url": f"http://127.0.0.1:{port}/mcp", "tool": "echo", "pid": pid}
    elif name == "contextforge":
        with contextforge.running(folder / f"contextforge-{time.time_ns()}", free_port(), backend) as found:
            yield {**target, **found}
    elif name == "gateway-jwt":
        with provider() as (url, token), program(folder, "gateway", backend, url) as (port, pid):
            yield {**target, "url": f"http://127.0.0.1:{port}{gateway_path}", "pid": pid, "token": token}
    else:
        with program(folder, "gateway", backend) as (port, pid):
            yield {**target, "url": f"http://127.0.0.1:{port}{gateway_path}", "pid": pid}


def load(settings: dict) -> dict:
    command = [sys.executable, "-m", "bench.gateway.load"]
    done = subprocess.run(command, input=json.dumps(settings), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def table(rows: dict[tuple[str, int], list[dict]]) -> dict[tuple[str, int], dict]:
    cells = {}
    for key, group in rows.items():
        cells[key] = {
            name: statistics.median(values)
            if (values := [row[name] for row in group if row[name] is not None])
            else None
            for name in ("rps", "p50", "p99", "cpu", "added")
        } | {"errors": sum(row["errors"] for row in group), "first": group[0]["first"]}
    return cells


def shown(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def report(cells: dict[tuple[str, int], dict]) -> None:
    head = (
        "system",
        "connections",
        "calls/s",
        "to direct",
        "p50 ms",
        "added p50 ms",
        "p99 ms",
        "CPU ms/call",
    )
    print(f"| {' | '.join(head)} | errors |")
    print("|---|---|---|---|---|---|---|---|---|")
    for (name, level), cell in cells.items():
        base = cells.get((BASE.get(name, ""), level))
        both = base and base["p50"] and cell["p50"]
        ratio = shown(cell["rps"] / base["rps"], 2) if both and level > 1 else "-"
        added = cell["added"] if cell["added"] is not None else cell["p50"] - base["p50"] if both else None
        line = [
            name,
            level,
            shown(cell["rps"], 0),
            ratio,
            shown(cell["p50"], 2),
            shown(added, 2),
            shown(cell["p99"]),
        ]
        print("| " + " | ".join(map(str, [*line, shown(cell["cpu"], 2), cell["errors"]])) + " |")
        if cell["first"]:
            print(f"  {name} at {level}: {cell['first']}", file=sys.stderr)


def passed(cells: dict[tuple[str, int], dict]) -> bool:
    good = True
    for name in OURS:
        one, many = cells.get((name, 1)), cells.get((name, 64))
        bars = []
        if one and one["added"] is not None:
            bars.append(("added p50 at 1, ms", one["added"], 3.0))
        if one and one["cpu"]:
            bars.append(("CPU per call at 1, ms", one["cpu"], 1.5))
        if one and many and one["cpu"] and many["cpu"]:
            bars.append(("CPU per call, 64 over 1", many["cpu"] / one["cpu"], 1.3))
        for text, value, bar in bars:
            good = good and value <= bar
            print(f"{'ok  ' if value <= bar else 'FAIL'} {name}: {text} {value:.2f} (goal at most {bar})")
        good = good and not any(cell["errors"] for (key, _), cell in cells.items() if key == name)
    for peer, factor in FASTER.items():
        ours, theirs = cells.get(("gateway", 16)), cells.get((peer, 16))
        if ours and theirs and theirs["rps"]:
            value = ours["rps"] / theirs["rps"]
            good = good and value >= factor
            verdict = "ok  " if value >= factor else "FAIL"
            print(f"{verdict} gateway: calls/s at 16 over {peer}'s {value:.1f} (goal at least {factor:g})")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--warmup", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", default="1,16,64")
    parser.add_argument("--only", default=",".join(SYSTEMS))
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    options = parser.parse_args()
    levels = [int(item) for item in options.connections.split(",")]
    names = [name for name in SYSTEMS if name in options.only.split(",")]
    if "contextforge" in names and not contextforge.installed():
        print("ContextForge is not installed: make bench-peers", file=sys.stderr)
        names.remove("contextforge")
    rows: dict[tuple[str, int], list[dict]] = {}
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as name:
        folder = Path(name)
        with program(folder, "echo") as (port, _):
            backend = f"http://127.0.0.1:{port}/mcp"
            for _ in range(options.rounds):
                for each in names:
                    with system(each, folder, backend) as target:
                        for level in levels:
                            settings = {**target, "connections": level}
                            settings |= {"seconds": options.seconds, "warmup": options.warmup}
                            settings["base"] = backend if level == 1 and each in BASE else ""
                            rows.setdefault((each, level), []).append(load(settings))
    cells = table(rows)
    report(cells)
    good = passed(cells)
    return 1 if options.check and not good else 0


if __name__ == "__main__":
    sys.exit(main())
