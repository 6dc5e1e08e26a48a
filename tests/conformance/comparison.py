"""What the way through skerry changes in the suite's results, and which of it is excused."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.suite import COUNTED, Check, Results, Statuses

EXCEPTIONS = Path(__file__).with_name("exceptions.toml")


@dataclass(frozen=True, slots=True)
class Excuse:
    """An expected difference on a road: revision, scenario and check, and why it cannot be otherwise."""

    revision: str
    check: Check
    reason: str
    road: str = "chain"


@dataclass(frozen=True, slots=True)
class Difference:
    """A check that comes out differently through skerry."""

    check: Check
    direct: Statuses
    chain: Statuses
    messages: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.check}: {_words(self.direct)} directly, {_words(self.chain)} through skerry"


def excuses(file: Path = EXCEPTIONS) -> list[Excuse]:
    """The rows of the file. Raises KeyError for a row without one of its five members."""
    rows = tomllib.loads(file.read_text(encoding="utf-8")).get("exception", [])
    return [
        Excuse(row["revision"], Check(row["scenario"], row["check"]), row["reason"], row["road"])
        for row in rows
    ]


def differences(direct: Results, chain: Results) -> list[Difference]:
    """Every check whose statuses are not the same, one that was made on one side only included."""
    checks = sorted({*direct.statuses, *chain.statuses}, key=str)
    return [
        Difference(
            check,
            direct.statuses.get(check, {}),
            chain.statuses.get(check, {}),
            chain.messages.get(check, ()),
        )
        for check in checks
        if direct.statuses.get(check, {}) != chain.statuses.get(check, {})
    ]


def judged(
    revision: str, found: Iterable[Difference], known: Sequence[Excuse], ran: Iterable[str]
) -> tuple[list[Difference], list[Excuse]]:
    """The differences that nobody excused, and the excuses of scenarios that `ran` but did not differ."""
    differing = {difference.check: difference for difference in found}
    excused = {excuse.check for excuse in known if excuse.revision == revision}
    scenarios = set(ran)
    stale = [
        excuse
        for excuse in known
        if excuse.revision == revision
        and excuse.check not in differing
        and excuse.check.scenario in scenarios
    ]
    return [difference for check, difference in differing.items() if check not in excused], stale


def failures(results: Results, known: Sequence[Excuse]) -> tuple[list[Check], list[Excuse]]:
    """The checks that failed and nobody excused, and the excuses of scenarios that ran and did not fail."""
    failed = {check for check, counted in results.statuses.items() if {"FAILURE", "WARNING"} & set(counted)}
    excused = {excuse.check for excuse in known}
    ran = set(results.scenarios())
    stale = [excuse for excuse in known if excuse.check not in failed and excuse.check.scenario in ran]
    return sorted(failed - excused, key=str), stale


def table(roads: Mapping[str, Results]) -> Iterator[str]:
    """A line for each scenario and one for the sum: passed / failed on every road; warnings count as failed."""
    names = list(roads)
    scenarios = sorted({scenario for results in roads.values() for scenario in results.scenarios()})
    width = max(len(scenario) for scenario in scenarios)
    yield f"{'scenario':<{width}}" + "".join(f"  {name:>11}" for name in names)
    for scenario in scenarios:
        yield f"{scenario:<{width}}" + "".join(_cell(roads[name], scenario) for name in names)
    yield f"{'all':<{width}}" + "".join(_cell(roads[name], "") for name in names)


def _cell(results: Results, scenario: str) -> str:
    passed = results.count("SUCCESS", scenario=scenario)
    failed = results.count("FAILURE", "WARNING", scenario=scenario)
    return f"  {f'{passed} / {failed}':>11}"


def _words(statuses: Statuses) -> str:
    return ", ".join(f"{statuses[name]} {name.lower()}" for name in COUNTED if name in statuses) or "not made"
