"""The operators of a Condition, and whether one holds for a request.

| the key | plain | negated (`Not…`) | …IfExists | ForAllValues: | ForAnyValue: |
|---|---|---|---|---|---|
| is absent | no | yes | yes | yes | no |
| has a value | one of the policy's values fits | none fits | as without | each fits | one fits |

A key with several values and no `For…:` holds when one of them fits; for a negated operator when none does.

Source: IAM user guide, "IAM JSON policy elements: Condition operators", "Set operators for multivalued
context keys".
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from skerry.auth.iam.patterns import ArnPattern, Context, Pattern, lower

Test = Callable[[str, Context], bool]
"""Whether a value of the request fits one value of the policy."""

Quantifier = Literal["", "ForAllValues", "ForAnyValue"]


class ConditionError(ValueError):
    """An operator that IAM does not have, or a value that does not go with it."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One key under one operator. `key` is in lower case."""

    operator: str
    key: str
    tests: tuple[Test, ...]
    negated: bool
    if_exists: bool
    quantifier: Quantifier
    null: bool

    @classmethod
    def of(cls, operator: str, key: str, values: Sequence[str], *, variables: bool) -> Condition:
        """Raises ConditionError for an operator that there is not, and for values that do not go with it."""
        head, mark, name = operator.rpartition(":")
        quantifier: Quantifier = ""
        if mark:
            if head not in ("ForAllValues", "ForAnyValue"):
                raise ConditionError(
                    f"{head[:64]} is no set operator; there are ForAllValues and ForAnyValue."
                )
            quantifier = "ForAllValues" if head == "ForAllValues" else "ForAnyValue"
        plain = name.removesuffix("IfExists")
        make = _OPERATORS.get(plain)
        if make is None or (plain == "Null" and plain != name):
            raise ConditionError(f"{name[:64]} is no condition operator. There are {', '.join(_OPERATORS)}.")
        tests = tuple(make(value, variables) for value in values)
        return cls(
            operator=operator,
            key=lower(key),
            tests=tests,
            negated="Not" in plain,
            if_exists=plain != name,
            quantifier=quantifier,
            null=plain == "Null",
        )

    def holds(self, context: Context) -> bool:
        """Whether the request meets the condition."""
        values = context.get(self.key, ())
        if self.null:
            return any(test("" if values else "absent", context) for test in self.tests)
        if not values:
            if self.quantifier:
                return self.quantifier == "ForAllValues" or self.if_exists
            return self.negated or self.if_exists
        fits = (any(test(value, context) for test in self.tests) is not self.negated for value in values)
        if self.quantifier == "ForAnyValue" or (not self.quantifier and not self.negated):
            return any(fits)
        return all(fits)


# --- the operators


def _string(value: str, variables: bool) -> Test:
    pattern = Pattern(value, wild=False, variables=variables)
    return pattern.matches


def _string_folded(value: str, variables: bool) -> Test:
    pattern = Pattern(value, wild=False, fold=True, variables=variables)
    return pattern.matches


def _like(value: str, variables: bool) -> Test:
    pattern = Pattern(value, variables=variables)
    return pattern.matches


def _arn(value: str, variables: bool) -> Test:
    return ArnPattern(value, variables=variables).matches


def _bool(value: str, variables: bool) -> Test:
    if "${" in value:
        return _string_folded(value, variables)
    if lower(value) not in ("true", "false"):
        raise ConditionError(f"{value[:64]} is neither true nor false.")
    return lambda found, _: lower(found) == lower(value)


def _null(value: str, variables: bool) -> Test:
    del variables
    if lower(value) not in ("true", "false"):
        raise ConditionError(f"{value[:64]} is neither true nor false.")
    wanted = lower(value) == "true"
    return lambda found, _: (found == "absent") is wanted


def _binary(value: str, variables: bool) -> Test:
    del variables
    try:
        wanted = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise ConditionError(f"{value[:64]} is not base64.") from None

    def test(found: str, _: Context) -> bool:
        try:
            return base64.b64decode(found, validate=True) == wanted
        except (binascii.Error, ValueError):
            return False

    return test


def _address(value: str, variables: bool) -> Test:
    del variables
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ConditionError(f"{value[:64]} is no IP address or range.") from None

    def test(found: str, _: Context) -> bool:
        try:
            return ipaddress.ip_address(found) in network
        except ValueError:
            return False

    return test


def _compared(read: Callable[[str], float], what: str, holds: Callable[[float, float], bool]) -> _Maker:
    """An operator on numbers: `holds(found, wanted)`."""

    def make(value: str, variables: bool) -> Test:
        pattern = Pattern(value, wild=False, variables=variables)
        fixed = None if "${" in value and variables else _read(read, value)
        if fixed is None and not ("${" in value and variables):
            raise ConditionError(f"{value[:64]} is no {what}.")

        def test(found: str, context: Context) -> bool:
            wanted = fixed if fixed is not None else _read(read, pattern.resolved(context) or "")
            given = _read(read, found)
            return wanted is not None and given is not None and holds(given, wanted)

        return test

    return make


_Maker = Callable[[str, bool], Test]


def _read(read: Callable[[str], float], text: str) -> float | None:
    try:
        value = read(text)
    except (ValueError, OverflowError):
        return None
    return None if value != value else value  # noqa: PLR0124  (not a number is no number)


def _number(text: str) -> float:
    if "_" in text:
        raise ValueError
    return float(text)


def _time(text: str) -> float:
    """Seconds since 1970 of an ISO 8601 time, or the seconds themselves."""
    try:
        return _number(text)
    except ValueError:
        found = dt.datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).timestamp()


def _family(prefix: str, read: Callable[[str], float], what: str) -> dict[str, _Maker]:
    signs: dict[str, Callable[[float, float], bool]] = {
        "Equals": lambda found, wanted: found == wanted,
        "NotEquals": lambda found, wanted: found == wanted,
        "LessThan": lambda found, wanted: found < wanted,
        "LessThanEquals": lambda found, wanted: found <= wanted,
        "GreaterThan": lambda found, wanted: found > wanted,
        "GreaterThanEquals": lambda found, wanted: found >= wanted,
    }
    return {prefix + name: _compared(read, what, holds) for name, holds in signs.items()}


_OPERATORS: dict[str, _Maker] = {
    "StringEquals": _string,
    "StringNotEquals": _string,
    "StringEqualsIgnoreCase": _string_folded,
    "StringNotEqualsIgnoreCase": _string_folded,
    "StringLike": _like,
    "StringNotLike": _like,
    **_family("Numeric", _number, "number"),
    **_family("Date", _time, "time in ISO 8601"),
    "Bool": _bool,
    "BinaryEquals": _binary,
    "IpAddress": _address,
    "NotIpAddress": _address,
    "ArnEquals": _arn,
    "ArnLike": _arn,
    "ArnNotEquals": _arn,
    "ArnNotLike": _arn,
    "Null": _null,
}
"""How one value is compared; operators with `Not` turn the outcome round in `Condition.holds`."""
