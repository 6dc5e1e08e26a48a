"""How much of AgentCore's contract is emulated, section by section: `make parity`.

`agentcore/*.toml` list what AWS's service model and documents say of Runtime and Gateway, and what others report
of them, one fact a row, in sections. A fact is promised when `by` names the behaviours that prove it; else `left`
says why it is not. A behaviour whose state is `unknown` proves nothing.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.contracts.rows import MARKS, behaviours

FOLDER = Path(__file__).parent / "agentcore"
BINDING = frozenset("MD")
"""Marks of what AWS itself publishes."""
GOAL = 0.9
LONGEST = 140
"""Characters of a fact's text."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that AWS says, and the behaviours of skerry that keep to it, or why none does."""

    plane: str
    section: str
    text: str
    mark: str
    by: tuple[str, ...] = ()
    left: str = ""

    @property
    def promised(self) -> bool:
        """Whether skerry does it too."""
        return bool(self.by)


@dataclass(frozen=True, slots=True)
class Share:
    """How many facts of a section are promised; of those that AWS publishes, and of all."""

    binding: int
    binding_total: int
    promised: int
    total: int

    @property
    def ratio(self) -> float:
        """Of those that AWS publishes."""
        return self.binding / self.binding_total if self.binding_total else 1.0


def facts() -> list[Fact]:
    """Every fact, in the order of the files."""
    found = []
    for file in sorted(FOLDER.glob("*.toml")):
        for section in tomllib.loads(file.read_text(encoding="utf-8"))["section"]:
            for row in section["fact"]:
                by = tuple(row.pop("by", ()))
                found.append(Fact(plane=file.stem, section=section["title"], by=by, **row))
    return found


def share(rows: Iterable[Fact]) -> Share:
    """The counts of some facts."""
    kept = list(rows)
    binding = [row for row in kept if row.mark in BINDING]
    return Share(
        sum(row.promised for row in binding), len(binding), sum(row.promised for row in kept), len(kept)
    )


def problems(rows: Iterable[Fact]) -> Iterator[str]:
    """What is wrong with the rows: unknown ids and marks, neither or both of `by` and `left`, long or double texts."""
    known = {row.id: row for row in behaviours()}
    seen = set()
    for row in rows:
        where = f"{row.plane}, {row.section}: {row.text[:60]}"
        if not 0 < len(row.text) <= LONGEST:
            yield f"{where}: has {len(row.text)} characters, not 1 to {LONGEST}"
        if (row.plane, row.section, row.text) in seen:
            yield f"{where}: stands there twice"
        seen.add((row.plane, row.section, row.text))
        if row.mark not in MARKS:
            yield f"{where}: unknown mark {row.mark!r}"
        if bool(row.by) == bool(row.left):
            yield f"{where}: needs either `by` or `left`"
        for name in row.by:
            if name not in known:
                yield f"{where}: there is no behaviour {name}"
            elif known[name].state == "unknown":
                yield f"{where}: {name} is unknown and proves nothing"


def shares(rows: Iterable[Fact]) -> Iterator[tuple[str, str, Share]]:
    """Plane, section and counts, in the order of the files; the section of a whole plane is empty and comes last."""
    kept = list(rows)
    for plane in dict.fromkeys(row.plane for row in kept):
        own = [row for row in kept if row.plane == plane]
        for section in dict.fromkeys(row.section for row in own):
            yield plane, section, share(row for row in own if row.section == section)
        yield plane, "", share(own)


def main() -> int:
    """Prints a line for each section, and the facts that AWS publishes and skerry does not keep."""
    rows = facts()
    for plane, section, found in shares(rows):
        print(
            f"{plane:<8}{found.binding:>4}/{found.binding_total:<4}{found.ratio:>5.0%}"
            f" · {found.promised:>4}/{found.total:<4} {section or f'ALL OF {plane.upper()}'}"
        )
    print("\nPromised of what AWS publishes (M, D) · of all facts. Published and not kept:\n")
    for row in rows:
        if row.mark in BINDING and not row.promised:
            print(f"[{row.mark}] {row.plane}, {row.section}: {row.text} ({row.left})")
    wrong = list(problems(rows))
    print(*wrong, sep="\n", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
