"""A policy's JSON, read strictly: what IAM would refuse is refused, so that nothing is passed over.

Source: IAM user guide, "Grammar of the IAM JSON policy language" and the reference of its elements.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from skerry.auth.iam.conditions import Condition, ConditionError
from skerry.auth.iam.patterns import Context, Pattern
from skerry.auth.iam.principals import Names

VERSIONS = ("2012-10-17", "2008-10-17")

PolicyKind = Literal["identity", "boundary", "session", "resource", "trust"]

_ELEMENTS = frozenset(
    {"Sid", "Effect", "Condition"}
    | {f"{no}{name}" for no in ("", "Not") for name in ("Principal", "Action", "Resource")}
)
_KINDS = ("AWS", "Service", "Federated", "CanonicalUser")


class PolicyError(ValueError):
    """A document is no policy; the text says what is wrong, in a sentence."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `label` is its Sid, else its place, counted from 1. `names` is None without Principal.

    `negated` has `Principal`, `Action` and `Resource` where the policy says `Not…`.
    """

    label: str
    deny: bool
    names: Names | None
    actions: tuple[Pattern, ...]
    resources: tuple[Pattern, ...]
    conditions: tuple[Condition, ...]
    negated: frozenset[str]

    def concerns(self, action: str, resource: str, context: Context, *, vague: bool = False) -> bool:
        """Whether action, resource and conditions fit; whom it names is not looked at.

        Where the request is `vague` a `*` at the end of action and resource is whatever may be there: an
        allow must then be about all of it, a deny about any of it. Conditions of a deny do not count where
        the action is not known, since their keys are not either.
        """
        if not self._includes("Action", self.actions, action, context, vague=vague):
            return False
        if self.resources and not self._includes("Resource", self.resources, resource, context, vague=vague):
            return False
        if vague and self.deny and action.endswith("*"):
            return True
        return all(condition.holds(context) for condition in self.conditions)

    def _includes(
        self, name: str, patterns: Sequence[Pattern], text: str, context: Context, *, vague: bool
    ) -> bool:
        negated = name in self.negated
        if not vague:
            found = any(pattern.matches(text, context) for pattern in patterns)
        elif self.deny is negated:
            found = any(pattern.covers(text, context) for pattern in patterns)
        else:
            found = any(pattern.meets(text, context) for pattern in patterns)
        return found is not negated

    def about(self, resource: str, context: Context) -> bool:
        """Whether a pattern of the statement's resources is this ARN's."""
        return any(pattern.matches(resource, context) for pattern in self.resources)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy by its name, such as `inline read` or an ARN. `broken` says why it cannot be read."""

    name: str
    statements: tuple[Statement, ...] = ()
    broken: str = ""


def read(name: str, text: str, kind: PolicyKind = "identity") -> Policy:
    """The policy of a document that is in force. What cannot be read denies everything: see `decisions`."""
    try:
        return Policy(name, parse(text, kind))
    except PolicyError as problem:
        return Policy(name, broken=str(problem))


@functools.lru_cache(maxsize=1024)
def parse(text: str, kind: PolicyKind = "identity") -> tuple[Statement, ...]:
    """The statements of a document. Raises PolicyError."""
    try:
        document = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise PolicyError(str(error) if isinstance(error, PolicyError) else _NO_JSON) from None
    if not isinstance(document, dict):
        raise PolicyError("The policy must be a JSON object.")
    version = document.get("Version", VERSIONS[1])
    if version not in VERSIONS:
        raise PolicyError(f"Version must be {' or '.join(VERSIONS)}.")
    unknown = sorted(set(document) - {"Version", "Id", "Statement"})
    if unknown:
        raise PolicyError(f"{unknown[0][:64]} is no element of a policy.")
    found = _list(document.get("Statement"))
    if not found:
        raise PolicyError("Statement is missing or empty.")
    reader = _Reader(kind, variables=version == VERSIONS[0])
    statements = tuple(reader.statement(item, str(number)) for number, item in enumerate(found, 1))
    sids = [item.get("Sid") for item in found if isinstance(item, dict) and item.get("Sid")]
    if len(set(sids)) < len(sids):
        raise PolicyError("Two statements have the same Sid.")
    return statements


_NO_JSON = "The policy is not valid JSON."


class _Reader:
    """Reads statements of one document."""

    def __init__(self, kind: PolicyKind, *, variables: bool) -> None:
        self._kind = kind
        self._variables = variables

    def statement(self, given: object, number: str) -> Statement:
        if not isinstance(given, dict):
            raise PolicyError("A Statement must be an object.")
        unknown = sorted(set(given) - _ELEMENTS)
        if unknown:
            raise PolicyError(f"{unknown[0][:64]} is no element of a Statement.")
        if given.get("Effect") not in ("Allow", "Deny"):
            raise PolicyError("Effect must be Allow or Deny.")
        sid = given.get("Sid", "")
        if not isinstance(sid, str):
            raise PolicyError("Sid must be a text.")
        negated = frozenset(
            name for name in ("Principal", "Action", "Resource") if _one_of(given, name, self._needs(name))
        )
        if "Principal" in negated and given["Effect"] == "Allow":
            raise PolicyError("NotPrincipal goes with the Effect Deny only.")
        return Statement(
            label=sid or number,
            deny=given["Effect"] == "Deny",
            names=self._names(given),
            actions=self._actions(given.get("Action", given.get("NotAction"))),
            resources=self._resources(given),
            conditions=self._conditions(given.get("Condition", {})),
            negated=negated,
        )

    def _needs(self, name: str) -> bool | None:
        """Whether a statement must have the element; None for must not."""
        if name == "Principal":
            return True if self._kind in ("resource", "trust") else None
        return None if name == "Resource" and self._kind == "trust" else True

    def _names(self, given: Mapping[str, object]) -> Names | None:
        value = given.get("Principal", given.get("NotPrincipal"))
        if value is None:
            return None
        if value == "*":
            return Names((("AWS", "*"),))
        if not isinstance(value, dict) or not value:
            raise PolicyError('Principal must be "*" or an object such as {"AWS": "arn:aws:iam::…:role/…"}.')
        unknown = sorted(set(value) - set(_KINDS))
        if unknown:
            raise PolicyError(f"{unknown[0][:64]} is no kind of Principal.")
        pairs = [(kind, name) for kind, names in value.items() for name in _texts(names, f"Principal.{kind}")]
        for kind, name in pairs:
            if kind == "AWS" and name != "*" and ("*" in name or "?" in name):
                raise PolicyError(
                    f"{name[:128]} is no Principal: a part of an ARN cannot be a wildcard there."
                )
        return Names(tuple(pairs))

    def _actions(self, value: object) -> tuple[Pattern, ...]:
        texts = _texts(value, "Action")
        for text in texts:
            if text != "*" and (":" not in text or not text.isascii()):
                shown = text[:64].encode("ascii", "backslashreplace").decode()
                raise PolicyError(f"{shown} is no action: it has the form bedrock-agentcore:InvokeGateway.")
        return tuple(Pattern(text, fold=True, variables=False) for text in texts)

    def _resources(self, given: Mapping[str, object]) -> tuple[Pattern, ...]:
        value = given.get("Resource", given.get("NotResource"))
        if value is None:
            return ()
        texts = _texts(value, "Resource")
        for text in texts:
            if text != "*" and not text.startswith(("arn:", "*", "${", "?")):
                raise PolicyError(f"{text[:128]} is no resource: it is an ARN, a pattern of one, or *.")
        return tuple(Pattern(text, variables=self._variables) for text in texts)

    def _conditions(self, given: object) -> tuple[Condition, ...]:
        if not isinstance(given, dict) or not all(isinstance(keys, dict) for keys in given.values()):
            raise PolicyError("Condition must be an object of operators, each an object of keys.")
        found = []
        for operator, keys in given.items():
            for key, values in keys.items():
                texts = [_scalar(item) for item in _list(values)]
                where = f"Condition.{operator[:64]}.{key[:64]}"
                try:
                    found.append(Condition.of(operator, key, _texts(texts, where), variables=self._variables))
                except ConditionError as problem:
                    raise PolicyError(f"{where}: {problem}") from None
        return tuple(found)


def _once(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    """An object; a member that stands twice could hide another."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise PolicyError("A member stands twice in an object of the policy.")
    return found


def _one_of(given: Mapping[str, object], name: str, needed: bool | None) -> bool:
    """Whether a statement has `Not` + name. Raises PolicyError when it has none or both of them."""
    opposite = f"Not{name}"
    plain, negated = name in given, opposite in given
    if needed is None and (plain or negated):
        raise PolicyError(f"{name if plain else opposite} has no place in this kind of policy.")
    if needed and plain == negated:
        raise PolicyError(f"A Statement needs exactly one of {name} and {opposite}.")
    return negated


def _texts(value: object, where: str) -> tuple[str, ...]:
    found = _list(value)
    if not found or not all(isinstance(item, str) and item for item in found):
        raise PolicyError(f"{where} must be a text or a list of texts.")
    return tuple(str(item) for item in found)


def _scalar(value: object) -> object:
    """A condition's value as text: JSON's booleans and numbers are allowed there."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _list(value: object) -> Sequence[object]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
