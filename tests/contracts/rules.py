"""How much of what MCP and the RFCs demand of authorization is proved, rule by rule: `python -m tests.contracts.rules`.

`authorization/*.toml` list the rules, in sections. A rule is proved when `by` names behaviours (rows of `*.toml`) or
tests (`auth/jwt/test_tokens.py::test_headers`, below tests/); else `left` says why nothing proves it. The words of `left`
begin with what is missing and are the same for all rules that miss the same, so they are found together.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tests.contracts.rows import TESTS, behaviours

FOLDER = Path(__file__).parent / "authorization"
LEVELS = ("MUST", "SHOULD", "MAY", "row")
"""`row` is not a word of a specification: a decision of this project, or an answer of AWS."""
LONGEST = 160
"""Characters of a rule's text."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One demand: its level (MUST stands for MUST NOT too), and what proves it or why nothing does."""

    section: str
    id: str
    level: str
    text: str
    by: tuple[str, ...] = ()
    left: str = ""


def rules() -> list[Rule]:
    """Every rule, in the order of the files."""
    sections = [
        section
        for file in sorted(FOLDER.glob("*.toml"))
        for section in tomllib.loads(file.read_text(encoding="utf-8"))["section"]
    ]
    return [
        Rule(section=section["title"], **{**row, "by": tuple(row.get("by", ()))})
        for section in sections
        for row in section["rule"]
    ]


def problems(rows: Iterable[Rule]) -> Iterator[str]:
    """What is wrong with the rules: doubled ids, neither or both of `by` and `left`, proofs that do not exist."""
    known = {row.id: row.state for row in behaviours()}
    seen = set()
    for row in rows:
        if row.id in seen:
            yield f"{row.id}: stands there twice"
        seen.add(row.id)
        if row.level not in LEVELS:
            yield f"{row.id}: unknown level {row.level!r}"
        if not 0 < len(row.text) <= LONGEST:
            yield f"{row.id}: has {len(row.text)} characters, not 1 to {LONGEST}"
        if bool(row.by) == bool(row.left):
            yield f"{row.id}: needs either `by` or `left`"
        for name in row.by:
            if "::" in name:
                if not _is_test(name):
                    yield f"{row.id}: there is no test {name}"
            elif name not in known:
                yield f"{row.id}: there is no behaviour {name}"
            elif known[name] == "unknown":
                yield f"{row.id}: {name} is unknown and proves nothing"


def counts(rows: Iterable[Rule]) -> tuple[int, int, int, int]:
    """MUSTs that are proved and all of them; rules of every level that are proved and all of them."""
    kept = list(rows)
    musts = [row for row in kept if row.level == "MUST"]
    return sum(bool(row.by) for row in musts), len(musts), sum(bool(row.by) for row in kept), len(kept)


def _is_test(name: str) -> bool:
    file, _, test = name.partition("::")
    path = TESTS / file
    if not path.is_file():
        return False
    return (
        re.search(rf"^\s*(?:async )?def {re.escape(test)}\(", path.read_text("utf-8"), re.MULTILINE)
        is not None
    )


def main() -> int:
    """Prints a line for each section, then what is not proved, gathered by what is missing."""
    rows = rules()
    for section, group in groupby(rows, key=lambda row: row.section):
        proved, musts, kept, total = counts(group)
        print(f"{proved:>4}/{musts:<4}{kept:>4}/{total:<4} {section}")
    proved, musts, kept, total = counts(rows)
    print(
        f"{proved:>4}/{musts:<4}{kept:>4}/{total:<4} ALL\n\nMUST proved/all · every rule proved/all. Not proved:"
    )
    open_rows = sorted((row for row in rows if row.left), key=lambda row: row.left)
    for left, group in groupby(open_rows, key=lambda row: row.left):
        print(f"\n{left}")
        print(*(f"  {row.id} [{row.level}] {row.text}" for row in group), sep="\n")
    wrong = list(problems(rows))
    print(*wrong, sep="\n", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
