"""Figures of several runs: medians, tables, ratios, and whether a goal is reached."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Rows = Mapping[str, list[dict[str, Any]]]


def percentile(values: Sequence[float], q: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(q * (len(ordered) - 1)))]


def ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def brief(value: Any, limit: int = 200) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= limit else text[:limit] + "…"


def environment_line() -> str:
    load = "/".join(f"{x:.1f}" for x in os.getloadavg()) if hasattr(os, "getloadavg") else "?"
    return f"{sys.platform}, Python {sys.version.split()[0]}, {os.cpu_count()} CPUs, load average {load}"


def merge(out: Path | None, name: str, key: str, value: Any) -> None:
    """Writes one peer's results into the file, keeping the other peers and kinds of result."""
    if not out:
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    data = json.loads(out.read_text()) if out.exists() else {}
    data.setdefault(name, {})[key] = value
    out.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def values(rows: Rows, name: str, key: str) -> list[float]:
    return [run[key] for run in rows.get(name, ()) if isinstance(run.get(key), (int, float))]


def median(rows: Rows, name: str, key: str) -> float | None:
    found = values(rows, name, key)
    return percentile(found, 0.5) if found else None


def speed_table(rows: Rows, columns: Mapping[str, str]) -> str:
    """Markdown; the median of the runs, with the range behind it when they differ."""
    lines = _head("peer", columns.values())
    for name in rows:
        cells = []
        for key in columns:
            found = values(rows, name, key)
            if not found:
                cells.append("-")
                continue
            middle, low, high = (_short(v) for v in (percentile(found, 0.5), min(found), max(found)))
            cells.append(middle if low == high else f"{middle} ({low}–{high})")  # noqa: RUF001
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def ratio_table(rows: Rows, columns: Mapping[str, str], ours: str = "ours") -> str:
    """How many times each peer's median is of ours; empty when `ours` did not run."""
    if not rows.get(ours):
        return ""
    lines = ["", f"Each peer divided by `{ours}`:", "", *_head("peer", columns.values())]
    for name in rows:
        if name == ours:
            continue
        cells = []
        for key in columns:
            theirs, own = median(rows, name, key), median(rows, ours, key)
            cells.append(f"{theirs / own:.2f}" if theirs is not None and own else "-")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


@dataclass(frozen=True)
class Goal:
    """One goal. `value` is what was measured and `bound` what it must not exceed (or reach, with `at_least`).

    Either is None when it could not be measured, for instance because no peer is installed.
    """

    name: str
    value: float | None
    bound: float | None
    at_least: bool = False

    @property
    def good(self) -> bool | None:
        if self.value is None or self.bound is None:
            return None
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        mark = {True: "ok  ", False: "MISS", None: "-   "}[self.good]
        side = "at least" if self.at_least else "at most"
        if self.value is None or self.bound is None:
            return f"{mark} {self.name}: not measured"
        ratio = f", {self.value / self.bound:.2f} of it" if self.bound else ""
        return f"{mark} {self.name}: {_short(self.value)} (goal {side} {_short(self.bound)}{ratio})"


def report_goals(goals: Iterable[Goal]) -> bool:
    """Prints the goals; False when one is missed."""
    good = True
    print("\nGoals:\n")
    for goal in goals:
        print(goal)
        good = good and goal.good is not False
    return good


def _head(first: str, rest: Iterable[str]) -> list[str]:
    names = [first, *rest]
    return [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
