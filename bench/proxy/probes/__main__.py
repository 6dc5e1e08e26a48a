"""Behaviour of stdio MCP proxies: each probe tests one sentence and says ok, FAIL or - (not applicable).

    --list           the probes and their sentences
    --only a,b       only probes whose name starts with one of these

Probes that need a special setting use a "with_…" entry of the peer (see peers.json); a peer without the entry
gets "-".
"""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace

from bench.proxy.commands import chosen, options, table
from bench.proxy.figures import environment_line
from bench.proxy.probes import eras, failures, identity, lifecycle, losses, payloads, travels
from bench.proxy.probes.bench import PROBES, Bench
from bench.proxy.probing import Facts, passed, verdicts
from bench.proxy.servers import log_folder, server

REGISTERED = (travels, failures, losses, payloads, lifecycle, identity, eras)


async def each(args: Namespace) -> dict[str, dict[str, Facts]]:
    entries = table(args, "proxies")
    names, selected = chosen(args, entries), PROBES.select(args.only)
    print(f"# {environment_line()}", flush=True)
    results = {}
    with log_folder(args) as logs:
        for name in names:
            with server("agentcore") as port:
                bench = Bench(name, entries[name], port, args, logs)
                results[name] = await PROBES.run(name, bench, selected, args.out, "probes")
    return results


def main() -> int:
    parser = options(__doc__)
    PROBES.options(parser)
    args = parser.parse_args()
    if args.list:
        print(PROBES.listing())
        return 0
    results = asyncio.run(each(args))
    print(f"\n{verdicts(results)}")
    return 0 if passed(results) or not args.check else 1


if __name__ == "__main__":
    sys.exit(main())
