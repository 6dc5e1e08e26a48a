"""A policy without the input of a call: what it may permit, or must forbid, whatever the arguments are.

A list shows a tool unless every call of it would be denied. To know that without arguments, each policy is
replaced by one that reads none: a permit keeps those of its conditions, joined by `&&`, that do not read the
context, and drops the others; a forbid keeps those, joined by `||`, that do not, and is dropped when none is
left. So what a replaced set denies, the real one denies for any arguments:

* where the real permit holds, all parts of its conjunction hold, so those that were kept hold too;
* where the replaced forbid holds, the real one holds, or fails before it gets there; and a forbid that fails
  denies (`policy_set`).

Cedar's partial evaluation would list somewhat less (it looks into `if`, and into `||` of a permit), but is
outside of Cedar's promise of stability, has no batch, and takes twenty times as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from skerry.local.gateway.policy.statement import reads_context

Body = Mapping[str, Any]
Expression = Mapping[str, Any]


def without_input(body: Body) -> Body | None:
    """The replaced policy, None when nothing of it is left."""
    conditions = body["conditions"]
    if not reads_context(conditions):
        return body
    if body["effect"] == "permit":
        kept = [part for condition in conditions for part in _parts(_when(condition), "&&")]
        left = [part for part in kept if not reads_context(part)]
    else:
        # Several conditions of a forbid are a conjunction; only the last of them may be weakened to a part.
        *first, last = [_when(condition) for condition in conditions]
        if any(reads_context(expression) for expression in first):
            return None
        kept = [part for part in _parts(last, "||") if not reads_context(part)]
        if not kept:
            return None
        left = [*first, _joined(kept)]
    return {**body, "conditions": [{"kind": "when", "body": part} for part in left]}


def _when(condition: Mapping[str, Any]) -> Expression:
    found: Expression = condition["body"]
    return found if condition["kind"] == "when" else {"!": {"arg": found}}


def _parts(expression: Expression, word: str) -> Iterator[Expression]:
    """The operands of a chain of `word`, in order, also where it is written as the negation of the other."""
    other = "||" if word == "&&" else "&&"
    waiting = [expression]
    while waiting:
        item = waiting.pop()
        inner = item["!"]["arg"] if "!" in item else {}
        if word in item:
            waiting += (item[word]["right"], item[word]["left"])
        elif "!" in inner:
            waiting.append(inner["!"]["arg"])
        elif other in inner:
            waiting += ({"!": {"arg": inner[other]["right"]}}, {"!": {"arg": inner[other]["left"]}})
        else:
            yield item


def _joined(parts: list[Expression]) -> Expression:
    found = parts[0]
    for part in parts[1:]:
        found = {"||": {"left": found, "right": part}}
    return found
