"""One bad thing, and whether the bridge can still be used, and whether /ping tells the truth about it."""

from __future__ import annotations

import json
from typing import Any

from bench.proxy.bridge_probes.bench import Bench, Probe, probe
from bench.proxy.probing import Outcome, judge

MEGABYTE = 1_000_000


def call_body(tool: str, **arguments: Any) -> str:
    return json.dumps(
        {
            "jsonrpc": "2.0",
            "id": "P",
            "method": "tools/call",
            "params": {"name": tool, "arguments": arguments},
        }
    )


PING = {"jsonrpc": "2.0", "id": "P", "method": "ping"}
POISON = {
    "not_json": ("a body that is not JSON", "{oops"),
    "empty": ("an empty body", ""),
    "batch": ("a JSON-RPC batch", json.dumps([PING])),
    "pretty": ("a pretty-printed body", json.dumps(PING, indent=1)),
    "number": ("a body that is a number", "42"),
    "junk_line": ("a line of the child that is not JSON", call_body("junk")),
    "70kB_line": ("a line of 70 kB", call_body("big", n=70_000)),
    "1MB_line": ("a line of 1 MB", call_body("big", n=MEGABYTE)),
}


def poison(body: str) -> Probe:
    async def run(bench: Bench) -> Outcome:
        async with bench.open() as bridge:
            await bridge.initialize()
            first = await bridge.post(body, timeout=4, fresh=True)
            echoes = [await bridge.echo(f"T{k}", timeout=4, fresh=True) for k in range(3)]
            ping = await bridge.ping_status()
        works = all(ok for ok, _ in echoes)
        facts = {
            "poison": first.show(),
            "next_three": ["ok" if ok else r.show()[0] for ok, r in echoes],
            "ping": ping,
        }
        return judge(
            facts,
            answered=first.status is not None and first.status < 500,
            still_works=works,
            ping_honest=works or ping != 200,
        )

    return run


for key, (what, content) in POISON.items():
    probe(f"poison_{key}", f"After {what} the bridge still works, and /ping is honest.")(poison(content))
