"""The long run: the properties again and again, with other seeds, until the time is over or one fails.

FUZZ_MINUTES=5 python -m tests.fuzz [pytest arguments]
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FACTORS = (2, 10, 40)
"""Examples of a round, as multiples of a normal run: the first failure should come early."""


def main(arguments: list[str]) -> int:
    minutes = float(os.environ.get("FUZZ_MINUTES") or 5)
    end, turn, pace = time.monotonic() + 60 * minutes, 0, 0.0
    while (left := end - time.monotonic()) > 0:
        factor = float(FACTORS[min(turn, len(FACTORS) - 1)])
        if pace:  # a round should not run far past the end
            factor = min(factor, max(1.0, left / pace))
        seed = random.SystemRandom().randrange(2**32)
        print(
            f"fuzz: round {turn + 1}, {factor:.1f} times the examples, seed {seed}, {left:.0f} s left",
            flush=True,
        )
        command = [
            sys.executable,
            "-m",
            "pytest",
            str(ROOT / "tests/fuzz"),
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
        ]
        command += [f"--hypothesis-seed={seed}", "--timeout=1800", *arguments]
        began = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "FUZZ_FACTOR": str(factor)}, check=False)
        if done.returncode:
            print(f"fuzz: failed; again with FUZZ_FACTOR={factor:g} and --hypothesis-seed={seed}")
            return done.returncode
        pace, turn = (time.monotonic() - began) / factor, turn + 1
    print(f"fuzz: {turn} rounds, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
