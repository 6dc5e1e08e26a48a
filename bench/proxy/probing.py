"""A registry of probes, and the loop that runs them against each peer."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from bench.proxy.figures import merge

T = TypeVar("T")
Facts = dict[str, Any]
Outcome = tuple[bool | None, Facts]
MARKS = {True: "ok", False: "FAIL", None: "-"}
LIMIT = 90.0  # seconds of one probe


def judge(facts: Facts, **conditions: bool) -> Outcome:
    """ok when every condition holds; otherwise the facts name those that do not."""
    failed = [name for name, holds in conditions.items() if not holds]
    return not failed, facts | ({"failed": failed} if failed else {})


class Probes(Generic[T]):
    """Probes of one kind of peer; T is what a probe is given to work with."""

    def __init__(self) -> None:
        self.all: dict[str, tuple[Callable[[T], Awaitable[Outcome]], str]] = {}

    def add(
        self, name: str, sentence: str
    ) -> Callable[[Callable[[T], Awaitable[Outcome]]], Callable[[T], Awaitable[Outcome]]]:
        """Registers a probe with the sentence that it tests."""

        def register(function: Callable[[T], Awaitable[Outcome]]) -> Callable[[T], Awaitable[Outcome]]:
            self.all[name] = function, sentence
            return function

        return register

    def options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--list", action="store_true", help="list the probes and stop")
        parser.add_argument("--only", default="", help="comma-separated starts of probe names")

    def listing(self) -> str:
        return "\n".join(f"{name:26} {sentence}" for name, (_, sentence) in self.all.items())

    def select(self, only: str) -> list[str]:
        wanted = tuple(word for word in only.split(",") if word)
        selected = [name for name in self.all if not wanted or name.startswith(wanted)]
        return selected or sys.exit("no such probe; see --list")

    async def run(
        self, peer: str, bench: T, selected: list[str], out: Path | None, key: str
    ) -> dict[str, Facts]:
        results: dict[str, Facts] = {}
        for name in selected:
            function, _ = self.all[name]
            try:
                ok, facts = await asyncio.wait_for(function(bench), LIMIT)
            except Exception as error:  # noqa: BLE001  (a broken peer must not end the comparison)
                ok, facts = False, {"exception": f"{type(error).__name__}: {error}"[:200]}
            results[name] = {"ok": ok, **facts}
            print(f"{MARKS[ok]:4} {peer} {name}: {json.dumps(facts, ensure_ascii=False)}", flush=True)
        merge(out, peer, key, results)
        return results


def verdicts(results: Mapping[str, Mapping[str, Facts]]) -> str:
    """Markdown: probes down, peers across."""
    probes = list(dict.fromkeys(name for result in results.values() for name in result))
    lines = ["| probe | " + " | ".join(results) + " |", "|---" * (len(results) + 1) + "|"]
    for probe in probes:
        marks = [MARKS[result.get(probe, {}).get("ok")] for result in results.values()]
        lines.append(f"| {probe} | {' | '.join(marks)} |")
    return "\n".join(lines)


def passed(results: Mapping[str, Mapping[str, Facts]]) -> bool:
    """Whether no probe of ours failed."""
    ours = [result for name, result in results.items() if name.startswith("ours")]
    bad = [name for result in ours for name, facts in result.items() if facts["ok"] is False]
    if ours:
        print(f"\nours: {sum(len(result) for result in ours)} probes, failed: {', '.join(bad) or 'none'}")
    return not bad
