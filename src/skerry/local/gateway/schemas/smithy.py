"""Smithy models (JSON AST) of AWS services as tools: the operations of a restJson1 service.

Source: AWS developer guide, `gateway-building-smithy-targets` (RestJson only, AWS services only, no
streaming); Smithy 2.0, "JSON AST" and "HTTP bindings"; "AWS restJson1 protocol". Endpoint rules are not
evaluated: the local stack stands for the endpoint of every service.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from skerry.local.gateway.assumptions import Assumptions
from skerry.local.gateway.schemas import smithy_shapes
from skerry.local.gateway.schemas.document import parse
from skerry.local.gateway.schemas.operation import JSON, Api, Body, Convert, Operation, Parameter
from skerry.local.gateway.schemas.problem import SchemaError
from skerry.local.gateway.schemas.servers import escaped
from skerry.local.gateway.schemas.smithy_shapes import Shapes, ToolShapes, members, targets, trait
from skerry.local.gateway.tools import MAX_PER_TARGET

KIND = "The Smithy model"
PROTOCOL = "aws.protocols#restJson1"
_LABEL = re.compile(r"\{([^{}]*)\}")
_LIFECYCLE = ("create", "put", "read", "update", "delete", "list")
_LISTS = ("operations", "collectionOperations")
_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"})


def read(text: str, table: Assumptions, *, base: str = "") -> Api:
    """The tools of a model; `base` is the URL of the service, without a slash at its end.

    Raises SchemaError, which names the line or the shape.
    """
    del table
    root = parse(text, KIND).root
    given = root.get("shapes")
    if "smithy" not in root or not isinstance(given, dict):
        raise SchemaError(f"{KIND} is no Smithy JSON AST: it needs the members smithy and shapes.")
    shapes = Shapes(given)
    name, service = _service(shapes)
    reader = _Reader(shapes, base)
    operations: dict[str, Operation] = {}
    for identifier in _operations(shapes, name, service):
        operation = reader.operation(identifier)
        if operation is None:
            continue
        if operation.name in operations:
            raise SchemaError(f"{KIND} has two operations that are called {operation.name[:100]!r}.")
        operations[operation.name] = operation
        if len(operations) > MAX_PER_TARGET:
            raise SchemaError(f"{KIND} has more than {MAX_PER_TARGET} operations, which a target may have.")
    if not operations:
        raise SchemaError(f"{KIND} has no operation that can be a tool.", hint="Each needs the trait http.")
    signing = trait(service, "aws.auth#sigv4")
    return Api(operations, tuple(reader.warnings), str(signing.get("name")))


def _service(shapes: Shapes) -> tuple[str, Mapping[str, Any]]:
    """The one service of a model. Raises SchemaError when a gateway cannot call it."""
    found = [(name, shape) for name, shape in shapes if shape.get("type") == "service"]
    if len(found) != 1:
        raise SchemaError(f"{KIND} has {len(found)} services; it must have one.")
    name, service = found[0]
    if PROTOCOL not in (service.get("traits") or {}):
        known = [
            key
            for key in service.get("traits") or {}
            if key.startswith(("aws.protocols#", "smithy.protocols#"))
        ]
        shown = ", ".join(known)[:200] or "no protocol"
        raise SchemaError(
            f"{name}: AgentCore Gateway supports RestJson ({PROTOCOL}) only, and this is {shown}."
        )
    if not isinstance(trait(service, "aws.auth#sigv4").get("name"), str):
        raise SchemaError(
            f"{name} has no aws.auth#sigv4 trait with a name: a gateway takes models of AWS services only."
        )
    return name, service


def _operations(shapes: Shapes, name: str, service: Mapping[str, Any]) -> Iterator[str]:
    """The operations of a service and of its resources, each once, by shape id."""
    seen: set[str] = set()
    waiting = [(name, service)]
    while waiting:
        owner, holder = waiting.pop(0)
        listed = [target for member in _LISTS for target in targets(holder.get(member), owner)]
        if holder.get("type") == "resource":
            listed += [
                target
                for member in _LIFECYCLE
                for target in targets([holder[member]] if member in holder else [], owner)
            ]
        for identifier in listed:
            if identifier not in seen:
                seen.add(identifier)
                yield identifier
        for identifier in targets(holder.get("resources"), owner):
            if identifier not in seen:
                seen.add(identifier)
                waiting.append((identifier, shapes.get(identifier, owner)))


class _Reader:
    """Reads operations; `warnings` say which are left out."""

    def __init__(self, shapes: Shapes, base: str) -> None:
        self._shapes = shapes
        self._base = base
        self.warnings: list[str] = []

    def operation(self, identifier: str) -> Operation | None:
        """The operation as a tool; None for one that a gateway cannot call."""
        shape = self._shapes.get(identifier, KIND)
        name = identifier.rpartition("#")[2]
        binding = trait(shape, "smithy.api#http")
        method, uri = binding.get("method"), binding.get("uri")
        if not isinstance(method, str) or not isinstance(uri, str) or method not in _METHODS:
            self._left_out(name, "it has no http trait with a method that a gateway knows")
            return None
        given = self._structure(shape, "input", identifier)
        if self._streams(given) or self._streams(self._structure(shape, "output", identifier)):
            self._left_out(name, "streaming is not supported")
            return None
        bound = _Bound(self._shapes, identifier)
        for member, definition in given.items():
            bound.add(member, definition)
        path, _, query = uri.partition("?")
        bound.check(path)
        schema = bound.shapes.structure_of(given, identifier, ())
        schema["required"] = [item for item in schema.get("required", ()) if item not in bound.fills]
        if not schema["required"]:
            del schema["required"]
        tool = {
            "name": name,
            "description": smithy_shapes.documentation(shape) or f"{method} {path}",
            "inputSchema": schema,
        }
        fixed = f"?{query}" if query else ""
        return Operation(
            tool,
            method,
            self._base,
            escaped(path).replace("+}", "}") + fixed,
            tuple(bound.parameters),
            bound.body(),
            {member: lambda: str(uuid.uuid4()) for member in bound.fills},
        )

    def _structure(
        self, shape: Mapping[str, Any], member: str, identifier: str
    ) -> Mapping[str, Mapping[str, Any]]:
        """The members of an operation's input or output."""
        for target in targets([shape[member]] if member in shape else [], identifier):
            if target != "smithy.api#Unit":
                return members(self._shapes.get(target, identifier), target)
        return {}

    def _streams(self, given: Mapping[str, Mapping[str, Any]]) -> bool:
        return any(
            "smithy.api#streaming" in (self._shapes.get(str(item.get("target")), name).get("traits") or {})
            for name, item in given.items()
        )

    def _left_out(self, name: str, why: str) -> None:
        if len(self.warnings) < 50:
            self.warnings.append(f"the operation {name} is left out: {why}")


class _Bound:
    """Where the members of one operation's input go."""

    def __init__(self, shapes: Shapes, where: str) -> None:
        self.shapes = ToolShapes(shapes, where)
        self.parameters: list[Parameter] = []
        self.fills: list[str] = []
        self._where = where
        self._payload: Body | None = None
        self._members: dict[str, str] = {}
        self._converts: dict[str, Convert] = {}

    def add(self, name: str, definition: Mapping[str, Any]) -> None:
        """Binds one member by its traits."""
        traits = definition.get("traits") or {}
        if "smithy.api#idempotencyToken" in traits:
            self.fills.append(name)
        if "smithy.api#httpLabel" in traits:
            convert = self.shapes.converter(name, definition, "date-time")
            self.parameters.append(Parameter(name, "path", name, convert=convert))
        elif "smithy.api#httpQuery" in traits:
            convert = self.shapes.converter(name, definition, "date-time")
            self.parameters.append(
                Parameter(name, "query", str(traits["smithy.api#httpQuery"]), convert=convert)
            )
        elif "smithy.api#httpQueryParams" in traits:
            self.parameters.append(Parameter(name, "query", name, spread=True))
        elif "smithy.api#httpHeader" in traits:
            convert = self.shapes.converter(name, definition, "http-date")
            self.parameters.append(
                Parameter(name, "header", str(traits["smithy.api#httpHeader"]), convert=convert)
            )
        elif "smithy.api#httpPrefixHeaders" in traits:
            prefix = str(traits["smithy.api#httpPrefixHeaders"])
            self.parameters.append(Parameter(name, "header", prefix, spread=True))
        elif "smithy.api#httpPayload" in traits:
            media, convert = self.shapes.payload(name, definition)
            self._payload = Body(media, argument=name, converts={name: convert} if convert else {})
        else:
            self._members[name] = str(traits.get("smithy.api#jsonName", name))
            if (convert := self.shapes.converter(name, definition, "epoch-seconds")) is not None:
                self._converts[name] = convert

    def check(self, path: str) -> None:
        """Raises SchemaError when labels and members are not the same; marks the greedy ones."""
        labels = {label.removesuffix("+"): label.endswith("+") for label in _LABEL.findall(path)}
        given = {parameter.name for parameter in self.parameters if parameter.place == "path"}
        if given != set(labels):
            odd = min(given ^ set(labels))[:100]
            raise SchemaError(f"{self._where}: the label {odd!r} is not in both the uri and the input.")
        self.parameters = [
            Parameter(item.name, "path", item.wire, whole=labels[item.name], convert=item.convert)
            if item.place == "path"
            else item
            for item in self.parameters
        ]

    def body(self) -> Body | None:
        """The body: the payload member, or a JSON object of the members that are bound nowhere else."""
        if self._payload is not None:
            return self._payload
        if not self._members:
            return None
        return Body(JSON, members=self._members, required=True, converts=self._converts)
