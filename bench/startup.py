"""How long `skerry up` takes until it is ready, and until it has ended.

    python -m bench.startup [--runs 5] [--check]

The bundled operations desk, on a state directory that was used before; the first run, which makes keys and
compiles, is not counted.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import subprocess
import sys
import tempfile
import time

GOAL = 5.0
"""Seconds until ready, and until ended."""


def once(folder: str) -> tuple[float, float]:
    """Seconds until the ready line, and from SIGTERM to the end."""
    began = time.monotonic()
    command = [sys.executable, "-m", "skerry", "up", "--port", "0", "--json"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise SystemExit("skerry up did not get ready")
        ready = time.monotonic() - began
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait()
        return ready, time.monotonic() - asked


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--check", action="store_true", help="exit 1 past the goal of 5 s")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        once(folder)
        times = [once(folder) for _ in range(options.runs)]
    ready, ended = ([pair[index] for pair in times] for index in (0, 1))
    for what, values in (("ready", ready), ("ended", ended)):
        middle = statistics.median(values)
        print(
            f"skerry up {what}: {middle:.2f} s at p50 ({min(values):.2f} to {max(values):.2f}), "
            f"{middle / GOAL:.2f} of the goal of {GOAL:.0f} s"
        )
    return int(options.check and max(statistics.median(ready), statistics.median(ended)) > GOAL)


if __name__ == "__main__":
    sys.exit(main())
