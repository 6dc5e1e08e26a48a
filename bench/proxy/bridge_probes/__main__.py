"""Behaviour of bridges (HTTP in front of a stdio MCP server): ok, FAIL or - (not applicable).

    --list           the probes and their sentences
    --only a,b       only probes whose name starts with one of these

The poison_* probes do one bad thing and then ask whether the bridge can still be used, and whether /ping
tells the truth about it.
"""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace

from bench.proxy.bridge_probes import children, contracts, matching, poison, questions, sizes
from bench.proxy.bridge_probes.bench import PROBES, Bench
from bench.proxy.commands import chosen, options, table
from bench.proxy.figures import environment_line
from bench.proxy.probing import Facts, passed, verdicts
from bench.proxy.servers import log_folder

REGISTERED = (matching, questions, children, sizes, poison, contracts)


async def each(args: Namespace) -> dict[str, dict[str, Facts]]:
    entries = table(args, "bridges")
    names, selected = chosen(args, entries), PROBES.select(args.only)
    print(f"# {environment_line()}", flush=True)
    results = {}
    with log_folder(args) as logs:
        for name in names:
            bench = Bench(name, entries[name], args, logs)
            results[name] = await PROBES.run(name, bench, selected, args.out, "bridge-probes")
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
