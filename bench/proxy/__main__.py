"""Speed and behaviour of the proxy and the bridge, beside what is installed of the other tools.

python -m bench.proxy [--runs 3] [--probes] [--check]
"""

from __future__ import annotations

import argparse
import subprocess
import sys


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", default="3", help="runs of the speed measurements (default 3)")
    parser.add_argument("--probes", action="store_true", help="the probes of behaviour too, for ours alone")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    options = parser.parse_args()
    check = ["--check"] if options.check else []
    jobs = [[name, "--runs", options.runs, *check] for name in ("speed", "bridge_speed")]
    if options.probes:
        jobs.append(["probes", "--peers", "ours", *check])
        jobs.append(["bridge_probes", "--peers", "ours,ours-invocations", *check])
    worst = 0
    for name, *arguments in jobs:
        print(f"\n-- {name} --", flush=True)
        worst = max(
            worst,
            subprocess.run([sys.executable, "-m", f"bench.proxy.{name}", *arguments], check=False).returncode,
        )
    return worst


if __name__ == "__main__":
    sys.exit(main())
