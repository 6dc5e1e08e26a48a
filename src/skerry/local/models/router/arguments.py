"""Arguments from the words of a question, led by the tool's schema.

In this order, each taking its words away from the next: `name=value`; a choice by its words; a region,
address, date, span or id of the form that the property wants; what looks like an example of the description;
a value beside the property's own noun (`account 12345`, `the orders queue`, `last 7 days`); `named x` and
quoted text; the only number or name left; a proper name; and for a required query, prompt or text whatever
remains.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any

from skerry.local.models.router import naming, steps, words
from skerry.local.models.router.operations import Operation
from skerry.local.models.router.reader import Reader
from skerry.local.models.router.schema import MISSING, choices, fit, kind, properties
from skerry.local.models.router.wanted import Plan, Wanted

_STEPS = (
    steps.explicit, steps.choice, steps.typical, naming.example, naming.adjacent, naming.flag, naming.spoken,
    naming.leftover, naming.proper, naming.remainder,
)  # fmt: skip
_SURE = (steps.explicit, steps.typical, naming.adjacent, naming.example)
_ANSWER = re.compile(r"(?:it'?s|it is|that'?s|the|use|take|with|for|account|my)\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Filled:
    """Arguments that were found, and the required ones that were not.

    `sure` are those whose value stood beside their noun or had their form; `unused` are the values of the
    text that no argument took.
    """

    arguments: dict[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    sure: frozenset[str] = frozenset()
    unused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Around:
    """What is known around a question: which words are no names because tools use them, and the day."""

    common: Callable[[str, str], bool] = lambda _tool, _word: False
    today: date | None = None


NOTHING = Around()


def fill(
    schema: Mapping[str, Any] | Plan,
    text: str,
    *,
    tool: str = "",
    given: Mapping[str, Any] | None = None,
    operation: Operation | None = None,
    around: Around = NOTHING,
) -> Filled:
    """The arguments of a tool named `tool` that `text` gives, on top of those `given` before.

    With an `operation`, only what it takes is looked for, and what it needs is required.
    """
    reader = Reader(text, words.split(tool), partial(around.common, tool), around.today)
    plan = schema if isinstance(schema, Plan) else Plan(schema)
    props, needed = plan.properties, plan.required
    found: dict[str, Any] = dict(given or {})
    if operation is not None:
        found[operation.chooser] = operation.name
        needed = [operation.chooser, *operation.needs]
    order = [*needed, *(name for name in props if name not in needed)]
    wanted = [plan.wanted(name, needed=name in needed) for name in order]
    sure: set[str] = set()
    for step in _STEPS:
        for item in wanted:
            if item.name in found:
                continue
            if operation is not None and step is not steps.explicit and not _taken(operation, item):
                continue
            value = step(reader, item)
            if value is not MISSING:
                found[item.name] = value
                if step in _SURE and item.free_text:
                    sure.add(item.name)
    missing = tuple(name for name in needed if name not in found)
    kept = {name: found[name] for name in props if name in found}
    return Filled(kept, missing, frozenset(sure), reader.unused())


def forced(schema: Mapping[str, Any], text: str, *, tool: str = "") -> dict[str, Any]:
    """Arguments for a tool that must be called: what `text` gives, and plain defaults for the rest."""
    result = fill(schema, text, tool=tool)
    props = properties(schema)
    return result.arguments | {name: _default(props[name], text) for name in result.missing}


def supplied(prop: Mapping[str, Any], name: str, text: str) -> Any:
    """The value of one property when `text` is the answer to a question for it, or MISSING."""
    direct = fill({"properties": {name: prop}, "required": [name]}, text).arguments
    if name in direct:
        return direct[name]
    answer = _ANSWER.sub("", text.strip(), count=1) if _ANSWER.match(text.strip()) else text.strip()
    answer = answer.rstrip(".!?").strip("\"'` ")
    if Wanted(name, prop, needed=True).form:  # a value of that form would have been found
        return MISSING
    return fit(answer, prop) if answer and len(answer.split()) <= 6 else MISSING


def _taken(operation: Operation, wanted: Wanted) -> bool:
    return wanted.needed or wanted.name in operation.takes


def _default(prop: Mapping[str, Any], text: str) -> Any:
    """A value of the right type for a forced call, when the text gives none."""
    what, options = kind(prop), choices(prop)
    if "default" in prop:
        return prop["default"]
    if options:
        return options[0]
    if what == "object":
        return forced(prop, text)
    if what in ("integer", "number"):
        number = prop.get("minimum", 0)
        return number if isinstance(number, int | float) else 0
    plain: dict[str, Any] = {"boolean": False, "array": [], "null": None}
    longest = prop.get("maxLength")
    return plain.get(what, text[:longest] if isinstance(longest, int) else text)
