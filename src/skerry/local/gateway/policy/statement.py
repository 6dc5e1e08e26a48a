"""One policy statement: parsed by Cedar, with its scope, and what AWS refuses about it at once.

Source: AWS developer guide, `example-policies-action-resource` (which scopes go together); the texts are from
captures published by others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cedarpy import policies_from_json_str, policies_to_json_str

from skerry.errors import SkerryError
from skerry.local.gateway.policy.vocabulary import ACTION, GATEWAY, parents

_PARSING = "When parsing the policy statement, "
_TOO_DEEP = f"{_PARSING}conditions were found that are nested too deep."
_DOGWOOD = ("temporal", "guardrails", "suppressOutput")
MAX_DEPTH = 400
"""Levels of a policy in Cedar's JSON; a chain of 190 `&&` has as many."""
_ENTITY_WORDS = frozenset({"==", "in"})


class StatementError(SkerryError):
    """A statement that is no policy, or whose scope AWS does not take."""

    code = "SKY-301"


class DogwoodError(SkerryError):
    """A statement in AWS's own extension of Cedar."""

    code = "SKY-301"


@dataclass(frozen=True, slots=True)
class Statement:
    """A policy.

    `principal` is the one type that its scope takes, `whole` whether it takes every principal of its types;
    `actions` and `gateways` are those that the scope names, None for all; `body` is Cedar's JSON form.
    """

    effect: Literal["permit", "forbid"]
    principal: str | None
    whole: bool
    actions: tuple[str, ...] | None
    gateways: tuple[str, ...] | None
    body: Mapping[str, Any] = field(repr=False)

    @property
    def conditional(self) -> bool:
        """Whether more than the scope decides."""
        return not self.whole or bool(self.body["conditions"])

    @property
    def reads_input(self) -> bool:
        """Whether a condition reads the context."""
        return reads_context(self.body["conditions"])

    def touches(self, principal: str, action: str, gateway_arn: str) -> bool:
        """Whether the scope can take such a request."""
        named = self.actions is None or not {action, *parents(action)}.isdisjoint(self.actions)
        at = self.gateways is None or gateway_arn in self.gateways
        return named and at and self.principal in (None, principal)


def split(text: str) -> list[tuple[str, str]]:
    """Effect and text of each statement in `text`, in its order; one alone stays as it is written.

    For files of several statements, of which CreatePolicy takes one at a time. Raises ValueError.
    """
    found: dict[str, Any] = json.loads(policies_to_json_str(text))["staticPolicies"]
    policies = [found[name] for name in sorted(found, key=lambda name: int(name.removeprefix("policy")))]
    if len(policies) == 1:
        return [(str(policies[0]["effect"]), text)]
    return [
        (
            str(policy["effect"]),
            policies_from_json_str(
                json.dumps({"templates": {}, "staticPolicies": {"policy0": policy}, "templateLinks": []})
            ),
        )
        for policy in policies
    ]


def parse(text: str) -> Statement:
    """The statement in `text`. Raises StatementError and DogwoodError."""
    try:
        policies = json.loads(policies_to_json_str(text))
    except RecursionError as problem:
        raise StatementError(_TOO_DEEP) from problem
    except ValueError as problem:
        if any(word in text for word in _DOGWOOD):
            raise DogwoodError(
                "The statement is not Cedar; temporal conditions and guardrails are Dogwood."
            ) from problem
        raise StatementError(f"{_PARSING}the following errors occurred: {problem}") from problem
    if policies["templates"]:
        raise StatementError(
            f"{_PARSING}a slot such as ?principal was found; name the principal or leave it."
        )
    found = list(policies["staticPolicies"].values())
    if len(found) != 1:
        what = f"unexpected token '{found[1]['effect']}'" if found else "unexpected end of input"
        raise StatementError(
            f"{_PARSING}the following errors occurred: {what}", hint="A policy holds one statement."
        )
    if _depth(found[0]) > MAX_DEPTH:
        raise StatementError(_TOO_DEEP)
    return read(found[0])


def read(body: Mapping[str, Any]) -> Statement:
    """A policy in Cedar's JSON form as a statement."""
    scope = body["principal"]
    return Statement(
        effect=body["effect"],
        principal=scope.get("entity_type") or scope.get("entity", {}).get("type"),
        whole=scope["op"] == "All" or (scope["op"] == "is" and "in" not in scope),
        actions=_actions(body["action"]),
        gateways=_gateways(body["resource"]),
        body=body,
    )


def check_scope(statement: Statement) -> None:
    """Raises StatementError for a scope that AWS refuses, whatever the validation mode."""
    resource = statement.body["resource"]
    if resource["op"] == "All":
        raise StatementError(
            f"{_PARSING}a wildcard resource was detected. To avoid unexpected behavior changes, please "
            "constrain the resource either to a specific AgentCore::Gateway resource or to the "
            "AgentCore::Gateway resource type."
        )
    if statement.actions is not None and statement.gateways is None:
        raise StatementError(
            f"{_PARSING}a constrained action scope was encountered, please constrain the resource to a "
            "specific AgentCore::Gateway resource when creating tool-specific policies."
        )


def reads_context(node: object) -> bool:
    """Whether an expression, or a list of conditions, reads the context."""
    return any(item == {"Var": "context"} for item in _nodes(node))


def named_actions(body: object) -> set[str]:
    """The actions and groups of actions that a policy names anywhere."""
    return {
        str(node["id"])
        for node in _nodes(body)
        if isinstance(node, Mapping) and node.get("type") == ACTION and "id" in node
    }


def _depth(body: object) -> int:
    depth, level = 0, [body]
    while level:
        depth += 1
        level = [
            child
            for item in level
            for child in (
                item.values() if isinstance(item, Mapping) else item if isinstance(item, list) else ()
            )
        ]
    return depth


def _nodes(node: object) -> Iterator[object]:
    waiting = [node]
    while waiting:
        item = waiting.pop()
        yield item
        if isinstance(item, Mapping):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _actions(scope: Mapping[str, Any]) -> tuple[str, ...] | None:
    if scope["op"] not in _ENTITY_WORDS:
        return None
    entities = scope["entities"] if "entities" in scope else [scope["entity"]]
    return tuple(entity["id"] for entity in entities)


def _gateways(scope: Mapping[str, Any]) -> tuple[str, ...] | None:
    entity = scope.get("entity") or scope.get("in", {}).get("entity")
    if entity is None:
        return None
    return (entity["id"],) if entity["type"] == GATEWAY else ()
