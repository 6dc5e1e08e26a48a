"""`skerry deploy plan`: what a file becomes, what must be given, and what stays here. It asks nobody."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from typing import Any

from skerry.deploy.declared import load
from skerry.deploy.naming import stack_name
from skerry.deploy.options import platform_of
from skerry.deploy.template.draft import OURS, Draft


def run(options: argparse.Namespace) -> int:
    """Prints the plan. Raises ConfigurationError."""
    made = load(options.file, platform_of(options, ""))
    if options.json:
        print(json.dumps(as_data(made.draft)))
        return 0
    print("\n".join(lines(made.draft, stack_name("", options.file))))
    return 0


def as_data(draft: Draft) -> dict[str, Any]:
    """The plan for programs."""
    filled = filled_by_up(draft)
    return {
        "resources": [
            {"id": name, "type": one.kind, "table": one.table} for name, one in draft.resources.items()
        ],
        "parameters": [
            {
                "name": name,
                "given_by": "skerry deploy up"
                if name in filled
                else "you"
                if one.default is None
                else "default",
                "default": one.default,
                "reason": one.reason,
                "table": one.table,
                "next": one.next,
            }
            for name, one in draft.parameters.items()
        ],
        "left": [{"what": one.what, "why": one.why, "next": one.next} for one in draft.left],
    }


def filled_by_up(draft: Draft) -> frozenset[str]:
    """Parameters that nobody needs to think of."""
    return frozenset(
        {*(OURS & draft.parameters.keys()), *(one.parameter for one in draft.codes), *draft.own_urls}
    )


def lines(draft: Draft, stack: str) -> Iterator[str]:
    """The plan for a person."""
    yield f"The stack {stack} gets {len(draft.resources)} resources:"
    yield from _table((name, one.kind, one.table) for name, one in draft.resources.items())
    filled = filled_by_up(draft)
    asked = {name: one for name, one in draft.parameters.items() if name not in filled}
    needed = {name: one for name, one in asked.items() if one.default is None}
    if needed:
        yield ""
        yield "You must say, with --parameter NAME=VALUE or in a file with --parameters:"
        for name, one in needed.items():
            yield f"  {name}"
            yield f"    {one.reason}."
            if one.next:
                yield f"    Next: {one.next}"
    if optional := {name: one for name, one in asked.items() if one.default is not None}:
        yield ""
        yield "You may say:"
        yield from _table((name, one.default or "-", one.reason) for name, one in optional.items())
    if draft.left:
        yield ""
        yield "Not taken along:"
        for left in draft.left:
            yield f"  {left.what}: {left.why}. {left.next}"
    yield ""
    yield "Next: skerry deploy up"


def _table(rows: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    found = list(rows)
    first, second = (max((len(row[column]) for row in found), default=0) for column in (0, 1))
    for row in found:
        yield f"  {row[0]:<{first}}  {row[1]:<{second}}  {row[2]}".rstrip()
