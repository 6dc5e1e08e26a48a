"""What an append to a conversation costs, beside one bare durable commit of SQLite.

    python -m bench.store [--appends 2000] [--check]

Both on the same disk with the same settings (write-ahead log, synchronous FULL), taking turns, so that a busy
machine is busy for both. The bare commit inserts one row with the text of the same message into a table of
its own file. Goal: an append of one message, and of a turn (question and answer with the agent's state),
takes at most 1.5 times as long at the median.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from skerry.store import encoding
from skerry.store.open import open_store
from skerry.store.records import Draft
from skerry.store.sqlite_file import connect

GOAL = 1.5
OWNER, CONVERSATION = "user:bench", "bench-conversation-000000000000000001"

QUESTION = Draft(role="user", content=[{"text": "Which EC2 instances are stopped in eu-west-1? " * 2}])
ANSWER = Draft(
    role="assistant",
    content=[
        {"text": "Three instances are stopped: i-0123456789abcdef0, and two more of the web tier. " * 8}
    ],
    metadata={"model": "local-router", "inputTokens": 812, "outputTokens": 143, "latencyMs": 950},
)
STATE = {"interrupts": [], "run": ""}


def timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


class Bare:
    """One row, one durable commit."""

    def __init__(self, path: Path, text: str) -> None:
        self._database = connect(path)
        self._database.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, body TEXT)")
        self._text = text

    def commit(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        self._database.execute("INSERT INTO rows (body) VALUES (?)", (self._text,))
        self._database.execute("COMMIT")

    def close(self) -> None:
        self._database.close()


class Appends:
    """Appends to one conversation, of whose store many others are a part."""

    def __init__(self, path: Path) -> None:
        self._store = open_store(f"sqlite:///{path}", clock=time.time, lifetime=30 * 86400.0)
        for number in range(200):
            self._store.create(OWNER, f"{CONVERSATION}-{number}", title="earlier")
        self._conversation = self._store.create(OWNER, CONVERSATION, title="bench")

    def one(self) -> None:
        self._conversation = self._store.write(self._conversation, messages=(ANSWER,))

    def turn(self) -> None:
        self._conversation = self._store.write(self._conversation, messages=(QUESTION, ANSWER), state=STATE)

    def close(self) -> None:
        self._store.close()


def measure(folder: Path, appends: int) -> dict[str, list[float]]:
    """Seconds of each, in turns."""
    bare, store = Bare(folder / "bare.db", encoding.dump_message(ANSWER)), Appends(folder / "store.db")
    acts = {"bare commit": bare.commit, "one message": store.one, "turn and state": store.turn}
    times: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(appends):
        for name, act in acts.items():
            times[name].append(timed(act))
    bare.close()
    store.close()
    return times


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--appends", type=int, default=2000)
    parser.add_argument("--folder", help="where the files are made; a disk, not a memory file system")
    parser.add_argument("--check", action="store_true", help=f"exit 1 past the goal of {GOAL}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        times = measure(Path(folder), options.appends)
    middle = {name: statistics.median(values) for name, values in times.items()}
    worst = 0.0
    for name, seconds in middle.items():
        ratio = seconds / middle["bare commit"]
        worst = max(worst, ratio)
        print(f"{name:<16}{seconds * 1000:8.3f} ms at p50   {ratio:5.2f} of a bare commit (goal {GOAL})")
    return int(options.check and worst > GOAL)


if __name__ == "__main__":
    sys.exit(main())
