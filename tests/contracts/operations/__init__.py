"""Every operation of AWS's two AgentCore models: called with boto3 as it is, or refused with 501.

One module of this package is one family of operations: `CALLS`, in the order in which they are made against
one stack. A new family is a new module; nothing else needs to know it.

    CALLS = (
        Call("CreateGateway", {"name": "desk", …}, save="gateway", until="GetGateway"),
        Call("GetGateway", {"gatewayIdentifier": "${gateway.gatewayId}"}, save="gateway"),
    )

What a plane refuses by itself, with a text of its own, has the arguments that it looks at in `REFUSED`, by
operation. `${name.member}` in an argument is a member of an answer that was saved, or one of `FACTS`.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from skerry.local.api import service_model
from skerry.local.api.service_model import Shape

CONTROL, DATA = "bedrock-agentcore-control", "bedrock-agentcore"
SERVICES = (CONTROL, DATA)
FACTS = (
    "facts.program",
    "facts.server",
    "facts.role",
    "facts.account",
    "facts.region",
    "facts.issuer",
    "facts.user_token",
)
"""A folder with a program, the URL of an MCP server, the ARN of a role, an authorization server's issuer, a
person's JWT; what the test that calls knows."""

_REFERENCE = re.compile(r"\$\{([\w-]+)((?:\.[\w-]+)+)\}")


@dataclass(frozen=True, slots=True)
class Call:
    """One call. Its answer is kept under `save`; with `until` it is made again until that status.

    Before it a person's browser opens `visit` and follows it.
    """

    operation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    save: str = ""
    until: str = ""
    visit: str = ""
    service: Literal["bedrock-agentcore-control", "bedrock-agentcore"] = "bedrock-agentcore-control"


@dataclass(frozen=True, slots=True)
class Family:
    """The calls of one module."""

    name: str
    calls: Sequence[Call]
    refused: Mapping[str, Mapping[str, Any]]


def families() -> list[Family]:
    """Every family, by name."""
    found = []
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            loaded = importlib.import_module(f"{__name__}.{module.name}")
            refused = getattr(loaded, "REFUSED", {})
            found.append(Family(module.name.replace("_", " "), loaded.CALLS, refused))
    return found


def emulated() -> dict[tuple[str, str], str]:
    """The operations of all families, (service, operation), with the family that calls them first."""
    found: dict[tuple[str, str], str] = {}
    for family in families():
        for call in family.calls:
            found.setdefault((call.service, call.operation), family.name)
    return found


def refused() -> list[tuple[str, str]]:
    """The other operations of both models, (service, operation)."""
    known = emulated()
    return [
        (service, name)
        for service in SERVICES
        for name in sorted(service_model.load(service).operations)
        if (service, name) not in known
    ]


def resolved(value: Any, saved: Mapping[str, Any]) -> Any:
    """The value with every `${name.member}` replaced. Raises KeyError for what was not saved."""
    if isinstance(value, str):
        return _REFERENCE.sub(lambda found: str(_looked_up(found, saved)), value)
    if isinstance(value, Mapping):
        return {key: resolved(item, saved) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [resolved(item, saved) for item in value]
    return value


def _looked_up(found: re.Match[str], saved: Mapping[str, Any]) -> Any:
    current: Any = saved[found[1]]
    for part in found[2].strip(".").split("."):
        current = current[int(part)] if isinstance(current, list) else current[part]
    return current


def lacking(service: str, operation: str, answer: Mapping[str, Any]) -> list[str]:
    """Members that the model requires of an answer, at any depth, and that are not in it."""
    model = service_model.load(service)
    found: list[str] = []

    def walk(shape: Shape, value: Any, path: str) -> None:
        if shape["type"] == "structure" and isinstance(value, Mapping):
            found.extend(f"{path}{name}" for name in shape.get("required", ()) if name not in value)
            for name, member in shape.get("members", {}).items():
                if name in value:
                    walk(model.shape(member), value[name], f"{path}{name}.")
        elif shape["type"] == "list" and isinstance(value, list):
            for number, item in enumerate(value):
                walk(model.shape(shape["member"]), item, f"{path}{number}.")

    walk(model.operations[operation].output, answer, "")
    return found


def least(service: str, operation: str) -> dict[str, Any]:
    """The least arguments that boto3 sends: every required member, with made-up values."""
    model = service_model.load(service)

    def value(shape: Shape, depth: int) -> Any:
        kind = shape["type"]
        if kind == "structure":
            members = shape.get("members", {})
            names = list(shape.get("required", ())) or (list(members)[:1] if shape.get("union") else [])
            return {name: value(model.shape(members[name]), depth + 1) for name in names} if depth < 9 else {}
        if kind == "list":
            return [value(model.shape(shape["member"]), depth + 1) for _ in range(shape.get("min", 0))]
        if kind == "map":
            return {}
        if kind == "string":
            return shape["enum"][0] if "enum" in shape else "x" * max(shape.get("min", 1), 1)
        if kind == "boolean":
            return False
        return {"blob": b"x", "timestamp": 0}.get(kind, shape.get("min", 1))

    made = value(model.operations[operation].input, 0)
    assert isinstance(made, dict)
    return made
