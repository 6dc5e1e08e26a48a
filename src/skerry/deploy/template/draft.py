"""What a template is made of while it is being made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from skerry.deploy.template.intrinsics import Expression, ref
from skerry.deploy.template.names import LogicalIds

PREFIX, BUCKET, ENDPOINT, ON_AWS = "NamePrefix", "CodeBucket", "AgentCoreEndpoint", "OnAws"
OURS = frozenset({BUCKET, ENDPOINT})
"""Parameters that `skerry deploy up` fills."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the template, and the table of skerry.toml that it comes from."""

    kind: str
    properties: Mapping[str, Any]
    table: str
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: what it is, and why the file does not say it. Without a `default` it must be given."""

    reason: str
    table: str
    default: str | None = None
    kind: str = "String"
    pattern: str = ""
    next: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """Something of skerry.toml that is not taken along, why, and the next move."""

    what: str
    why: str
    next: str


@dataclass(frozen=True, slots=True)
class Code:
    """A package that a resource runs: the parameter of its key, and what it is the code of."""

    parameter: str
    kind: str
    name: str


@dataclass(slots=True)
class Draft:
    """Collects a template's sections. `own_urls` are parameters that hold what an output says."""

    ids: LogicalIds = field(default_factory=LogicalIds)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    conditions: dict[str, Expression] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, tuple[str, Any]] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)
    codes: list[Code] = field(default_factory=list)
    own_urls: dict[str, str] = field(default_factory=dict)

    def add(
        self, name: str, kind: str, table: str, properties: Mapping[str, Any], after: Iterable[str] = ()
    ) -> Expression:
        """A resource; gives the reference to it. Properties that are None are left out."""
        kept = {key: value for key, value in properties.items() if value is not None}
        self.resources[name] = Resource(kind, kept, table, tuple(after))
        return ref(name)

    def parameter(self, name: str, parameter: Parameter) -> Expression:
        """A parameter, the same one where it is known already; gives the reference to it."""
        self.parameters.setdefault(name, parameter)
        return ref(name)

    def given(self, name: str) -> str:
        """The condition that a parameter is not empty."""
        condition = f"Has{name}"
        self.conditions[condition] = {"Fn::Not": [{"Fn::Equals": [ref(name), ""]}]}
        return condition

    def leave(self, what: str, why: str, move: str) -> None:
        """Notes what is not taken along."""
        left = Left(what, why, move)
        if left not in self.left:
            self.left.append(left)
