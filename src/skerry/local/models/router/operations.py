"""What a tool of many operations says of each: its summary, what it needs, and what it takes.

The words are those of the desk's AWS tools, but any tool may use them: "Operations: list_a: what it reads;
describe_a: …" in the description of the tool, and "Needed for describe_a." or "Only for list_a, list_b." in
that of a parameter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skerry.local.models.router.schema import choices, properties, required

NAMES = ("operation", "action", "command", "method")
_LIST = r"([a-z][\w-]*(?:(?:, | and | or )[a-z][\w-]*)*)"
_NEEDED = re.compile(rf"\b[Nn]eeded (?:for|by) {_LIST}")
_ONLY = re.compile(rf"\b(?:[Oo]nly|[Aa]lso) for {_LIST}")
_SPLIT = re.compile(r", | and | or ")


@dataclass(frozen=True, slots=True)
class Operation:
    """One value of a tool's argument `operation`: its own words, and its parameters.

    `chooser` is the argument that takes its name. `takes` are the parameters that mean something to it,
    `needs` those that it cannot do without; both without `chooser`.
    """

    chooser: str
    name: str
    summary: str
    needs: tuple[str, ...]
    takes: frozenset[str]


def argument(schema: Mapping[str, Any]) -> str:
    """The name of the property that chooses an operation, or nothing."""
    props = properties(schema)
    return next((name for name in required(schema) if name in NAMES and choices(props[name])), "")


def operations(description: str, schema: Mapping[str, Any]) -> tuple[Operation, ...]:
    """The operations of a tool; none for a tool that does one thing."""
    chooser = argument(schema)
    if not chooser:
        return ()
    props = {name: prop for name, prop in properties(schema).items() if name != chooser}
    named = [str(item) for item in choices(properties(schema)[chooser])]
    told = {name: _told(str(prop.get("description", ""))) for name, prop in props.items()}
    summaries = _summaries(description, named)
    always = tuple(name for name in required(schema) if name != chooser)
    found = []
    for item in named:
        needs = tuple(name for name, (needed, _) in told.items() if item in needed)
        takes = frozenset(
            name for name, (needed, only) in told.items() if item in (needed | only) or not needed | only
        )
        found.append(Operation(chooser, item, summaries.get(item, ""), (*always, *needs), takes))
    return tuple(found)


def subject(description: str) -> str:
    """What a tool says of itself before it lists its operations, without what it says that it does not do."""
    text = re.split(r"\bOperations?:\s", description)[0]
    return re.sub(r"\b(?:[Nn]ever|[Nn]o|[Nn]ot|[Oo]nly reads)\b[^.;]*", "", text)


def _told(description: str) -> tuple[frozenset[str], frozenset[str]]:
    """The operations that need a parameter, and those that only take it."""
    return _named(_NEEDED, description), _named(_ONLY, description)


def _named(pattern: re.Pattern[str], description: str) -> frozenset[str]:
    return frozenset(
        name for match in pattern.finditer(description) for name in _SPLIT.split(match[1]) if "_" in name
    )


def _summaries(description: str, named: list[str]) -> dict[str, str]:
    if not named:
        return {}
    pattern = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, named))}):\s")
    parts = pattern.split(description)
    return {name: text.strip().rstrip(";.") for name, text in zip(parts[1::2], parts[2::2], strict=True)}
