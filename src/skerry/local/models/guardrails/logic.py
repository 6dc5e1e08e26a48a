"""Rules about a few variables, decided completely.

A rule says `if … then …` over comparisons of one variable with one constant, joined by `and`. As variables
are compared with constants only, a handful of values for each covers every case, so trying them all is a
proof. What would take too long is not tried: that is the finding `tooComplex`.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Literal

from skerry.errors import ConfigurationError

Value = float | bool | str
World = Mapping[str, Value]
Kind = Literal["number", "boolean", "text"]

KINDS: tuple[Kind, ...] = ("number", "boolean", "text")
MAX_WORLDS = 100_000
"""Combinations of values that are tried at most."""

OTHER = "(something else)"
"""A text that no rule names."""

OPERATORS: Mapping[str, Callable[[Value, Value], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_COMPARISON = re.compile(
    r"\s*(?P<name>[a-z][a-z0-9_]*)\s*(?P<op>==|!=|<=|>=|<|>)\s*"
    r"(?:(?P<number>-?[0-9]+(?:\.[0-9]+)?)|(?P<boolean>true|false)|'(?P<text>[^']*)')\s*"
)


class TooComplexError(Exception):
    """There are more worlds than are tried."""


@dataclass(frozen=True, slots=True)
class Variable:
    """Something that a text can state. `claim`: it is what the text asserts, not what it takes for granted.

    A number or a text is group 1 of the first pattern that matches; a boolean is true where one of
    `patterns` matches and false where one of `negations` does.
    """

    name: str
    kind: Kind
    patterns: tuple[re.Pattern[str], ...]
    negations: tuple[re.Pattern[str], ...] = ()
    claim: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`name op value`."""

    name: str
    op: str
    value: Value

    def holds(self, world: World) -> bool:
        return OPERATORS[self.op](world[self.name], self.value)


@dataclass(frozen=True, slots=True)
class Rule:
    """If all of `when` then all of `then`."""

    name: str
    when: tuple[Comparison, ...]
    then: tuple[Comparison, ...]

    def holds(self, world: World) -> bool:
        applies = all(item.holds(world) for item in self.when)
        return not applies or all(item.holds(world) for item in self.then)


def comparisons(text: str) -> tuple[Comparison, ...]:
    """`days <= 30 and role == 'guest'`, read. Raises ConfigurationError."""
    if not text.strip():
        return ()
    found = []
    at = 0
    while True:
        match = _COMPARISON.match(text, at)
        if match is None:
            raise ConfigurationError(
                f"'{text}' is no condition.", hint="Write for example: days <= 30 and role == 'guest'."
            )
        found.append(Comparison(match["name"], match["op"], _constant(match)))
        at = match.end()
        if at == len(text):
            return tuple(found)
        if not text.startswith("and", at) or text[at + 3 : at + 4] not in (" ", "\t", "\n"):
            raise ConfigurationError(f"'{text}' is no condition: after {found[-1].name} comes no `and`.")
        at += 3


def _constant(match: re.Match[str]) -> Value:
    if match["number"] is not None:
        return float(match["number"])
    return match["boolean"] == "true" if match["boolean"] is not None else match["text"].lower()


def check(variables: Sequence[Variable], rules: Sequence[Rule]) -> None:
    """Raises ConfigurationError for a rule that names no variable, or compares it with another kind."""
    kinds = {variable.name: variable.kind for variable in variables}
    for variable in variables:
        if variable.kind != "boolean" and any(pattern.groups < 1 for pattern in variable.patterns):
            raise ConfigurationError(
                f"a pattern of the variable {variable.name} has no group for its {variable.kind}."
            )
    for rule in rules:
        if not rule.then:
            raise ConfigurationError(f"the rule {rule.name} has no `then`.")
        for item in (*rule.when, *rule.then):
            if item.name not in kinds:
                raise ConfigurationError(
                    f"the rule {rule.name} names '{item.name}', which is no variable.",
                    hint=f"Known: {', '.join(kinds) or 'none'}.",
                )
            kind = kind_of(item.value)
            if kinds[item.name] != kind or (kind != "number" and item.op not in ("==", "!=")):
                raise ConfigurationError(
                    f"the rule {rule.name} compares the {kinds[item.name]} {item.name} by "
                    f"{item.op} with a {kind}."
                )


def kind_of(value: Value) -> Kind:
    if isinstance(value, bool):
        return "boolean"
    return "text" if isinstance(value, str) else "number"


def world(
    variables: Sequence[Variable],
    rules: Sequence[Rule],
    fixed: World,
    *,
    false: World | None = None,
) -> World | None:
    """A world where every rule holds and `fixed` is so; None when there is none.

    With `false`, one of its values must be another in that world. Raises TooComplexError.
    """
    names = [variable.name for variable in variables]
    choices = [_choices(variable, rules, fixed, false or {}) for variable in variables]
    if math.prod(map(len, choices)) > MAX_WORLDS:
        raise TooComplexError
    for values in product(*choices):
        tried = dict(zip(names, values, strict=True))
        if false is not None and all(tried[name] == value for name, value in false.items()):
            continue
        if all(rule.holds(tried) for rule in rules):
            return tried
    return None


def core(rules: Sequence[Rule], impossible: Callable[[Sequence[Rule]], bool]) -> list[Rule]:
    """The rules without which it would not be impossible: each that can be left out is."""
    kept = list(rules)
    for rule in rules:
        without = [item for item in kept if item is not rule]
        if impossible(without):
            kept = without
    return kept


def _choices(variable: Variable, rules: Sequence[Rule], fixed: World, stated: World) -> Sequence[Value]:
    if variable.name in fixed:
        return (fixed[variable.name],)
    if variable.kind == "boolean":
        return (True, False)
    also = (stated[variable.name],) if variable.name in stated else ()
    constants = list(dict.fromkeys((*_constants(variable.name, rules), *also)))
    if variable.kind == "text":
        return (*constants, OTHER)
    numbers = sorted(float(value) for value in constants) or [0.0]
    between = [(low + high) / 2 for low, high in pairwise(numbers)]
    return (*numbers, *between, numbers[0] - 1, numbers[-1] + 1)


def _constants(name: str, rules: Sequence[Rule]) -> Iterator[Value]:
    for rule in rules:
        yield from (item.value for item in (*rule.when, *rule.then) if item.name == name)
