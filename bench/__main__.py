"""Runs every measurement, one after the other: `make bench`."""

import subprocess
import sys

for name in (
    "startup",
    "runtime",
    "memory",
    "gateway",
    "gateway.lists",
    "search",
    "auth",
    "proxy",
    "store",
    "desk",
    "agent",
):
    print(f"\n== {name} ==", flush=True)
    subprocess.run([sys.executable, "-m", f"bench.{name}"], check=True)
