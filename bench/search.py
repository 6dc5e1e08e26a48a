"""How long a semantic search takes and how well it finds, over ten thousand operations of AWS.

python -m bench.search
"""

from __future__ import annotations

import statistics
import time
import tomllib
from pathlib import Path

from skerry.local.gateway.search.index import Index, Segment
from skerry.local.gateway.tools import prefixed
from tests.kit import aws_catalogue

QUESTIONS = Path(__file__).parents[1] / "tests" / "local" / "gateway" / "search_questions.toml"
ROUNDS = 5


def main() -> None:
    """Prints one table."""
    catalogue = [(name, prefixed(name, tools)) for name, tools in aws_catalogue.targets()]
    began = time.perf_counter()
    index = Index([Segment(items.values()) for _, items in catalogue])
    built = time.perf_counter() - began
    times: list[float] = []
    print(f"{index.size} tools, indexed in {built:.1f} s ({1000 * built / index.size:.2f} ms a tool)")
    rows = tomllib.loads(QUESTIONS.read_text())["question"]
    for title, held_out in (("tuned on", False), ("held out", True)):
        ranks = []
        for row in (row for row in rows if row["held_out"] is held_out):
            for _ in range(ROUNDS):
                began = time.perf_counter()
                found = [item.public for item in index.search(row["text"], 10, lambda _: True)]
                times.append(1000 * (time.perf_counter() - began))
            ranks.append(next((place for place, name in enumerate(found, 1) if name in row["tools"]), 0))
        first = sum(rank == 1 for rank in ranks) / len(ranks)
        ten = sum(rank > 0 for rank in ranks) / len(ranks)
        print(f"{title}: {len(ranks)} questions, right tool first {first:.0%}, among ten {ten:.0%}")
    p95 = statistics.quantiles(times, n=20)[-1]
    print(f"one search: p50 {statistics.median(times):.1f} ms, p95 {p95:.1f} ms (goal: p50 <= 5 ms)")


if __name__ == "__main__":
    main()
