"""Shapes of a Smithy model: their JSON Schema, and how values of them are written in restJson1.

Source: Smithy 2.0, "Simple types", "Aggregate types", "Protocol traits"; AWS restJson1 protocol. Timestamps
are arguments in ISO 8601, blobs in Base64; what AWS asks for is not known.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import email.utils
import re
from collections.abc import Iterator, Mapping
from typing import Any

from skerry.local.gateway.schemas.json_schema import MAX_DEPTH, MAX_SCHEMAS
from skerry.local.gateway.schemas.operation import JSON, BadArgumentsError, Convert
from skerry.local.gateway.schemas.problem import SchemaError

Shape = Mapping[str, Any]

_SIMPLE: Mapping[str, Mapping[str, str]] = {
    "string": {"type": "string"},
    "enum": {"type": "string"},
    "blob": {"type": "string"},
    "timestamp": {"type": "string", "format": "date-time"},
    "boolean": {"type": "boolean"},
    **{key: {"type": "integer"} for key in ("byte", "short", "integer", "long", "bigInteger", "intEnum")},
    **{key: {"type": "number"} for key in ("float", "double", "bigDecimal")},
    "document": {},
}
_AGGREGATE = frozenset({"list", "set", "map", "structure", "union"})
_PRELUDE = "smithy.api#"
_FORMAT = "smithy.api#timestampFormat"
_JSON_NAME = "smithy.api#jsonName"
_TAG = re.compile(r"<[^<>]*>")
_SPACE = re.compile(r"\s+")


class Shapes:
    """The shapes of a model by id; those of Smithy's prelude are known."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def __iter__(self) -> Iterator[tuple[str, Shape]]:
        return ((name, shape) for name, shape in self._given.items() if isinstance(shape, dict))

    def get(self, identifier: str, where: str) -> Shape:
        """The shape with this id. Raises SchemaError that says where it is asked for."""
        shape = self._given.get(identifier)
        if isinstance(shape, dict) and isinstance(shape.get("traits", {}), dict):
            return shape
        if shape is None and identifier.startswith(_PRELUDE):
            name = identifier.removeprefix(_PRELUDE).removeprefix("Primitive")
            kind = name[:1].lower() + name[1:]
            if kind in _SIMPLE:
                return {"type": kind}
            if kind == "unit":
                return {"type": "structure"}
        raise SchemaError(f"{where[:200]}: the shape {identifier[:200]!r} is not in the model.")


def trait(shape: Shape, name: str) -> Mapping[str, Any]:
    """A trait whose value is an object; empty without it."""
    value = (shape.get("traits") or {}).get(name)
    return value if isinstance(value, dict) else {}


def targets(given: object, where: str) -> list[str]:
    """The ids in a list of references. Raises SchemaError."""
    found = []
    for item in given if isinstance(given, list) else []:
        target = item.get("target") if isinstance(item, dict) else None
        if not isinstance(target, str):
            raise SchemaError(f"{where[:200]}: a reference has no target.")
        found.append(target)
    return found


def members(shape: Shape, where: str) -> Mapping[str, Shape]:
    """The members of a structure or union. Raises SchemaError."""
    given = shape.get("members", {})
    if not isinstance(given, dict):
        raise SchemaError(f"{where[:200]}: members must be an object.")
    for name, member in given.items():
        if (
            not isinstance(member, dict)
            or not isinstance(member.get("target"), str)
            or not isinstance(member.get("traits", {}), dict)
        ):
            raise SchemaError(f"{where[:200]}${name[:100]} has no target.")
    return given


def documentation(shape: Shape) -> str:
    """The documentation of a shape as plain text: models write it in HTML."""
    text = (shape.get("traits") or {}).get("smithy.api#documentation")
    return _SPACE.sub(" ", _TAG.sub("", text)).strip() if isinstance(text, str) else ""


class ToolShapes:
    """The shapes of one tool's input, within bounds. `where` is the operation."""

    def __init__(self, shapes: Shapes, where: str) -> None:
        self._shapes = shapes
        self._where = where
        self._left = MAX_SCHEMAS

    def structure_of(self, given: Mapping[str, Shape], where: str, active: tuple[str, ...]) -> dict[str, Any]:
        """The schema of an object with these members. Raises SchemaError."""
        properties = {}
        for name, member in given.items():
            schema = self.schema(str(member["target"]), f"{where}${name}", active)
            if text := documentation(member):
                schema["description"] = text
            properties[name] = schema
        found: dict[str, Any] = {"type": "object", "properties": properties}
        required = [
            name for name, member in given.items() if "smithy.api#required" in (member.get("traits") or {})
        ]
        if required:
            found["required"] = required
        return found

    def schema(self, identifier: str, where: str, active: tuple[str, ...]) -> dict[str, Any]:
        """The JSON Schema of a shape; one that is met again inside of itself is cut off at its type."""
        self._left -= 1
        if self._left < 0 or len(active) > MAX_DEPTH:
            raise SchemaError(
                f"{self._where}: its input has more than {MAX_SCHEMAS} parts or {MAX_DEPTH} levels."
            )
        shape = self._shapes.get(identifier, where)
        kind = str(shape.get("type"))
        if kind in _SIMPLE:
            found: dict[str, Any] = {**_SIMPLE[kind], **_values(shape, kind)}
        elif kind not in _AGGREGATE:
            raise SchemaError(
                f"{where[:200]}: {identifier[:200]} is of the type {kind[:50]!r}, which is no value."
            )
        elif identifier in active:
            return {"type": "array" if kind in ("list", "set") else "object"}
        elif kind in ("list", "set"):
            inner = self.schema(self._member(shape, "member", identifier), identifier, (*active, identifier))
            found = {"type": "array", "items": inner}
        elif kind == "map":
            inner = self.schema(self._member(shape, "value", identifier), identifier, (*active, identifier))
            found = {"type": "object", "additionalProperties": inner}
        else:
            found = self.structure_of(members(shape, identifier), identifier, (*active, identifier))
        if text := documentation(shape):
            found["description"] = text
        return found

    def converter(self, name: str, member: Shape, timestamps: str) -> Convert | None:
        """What writes an argument as restJson1 wants it; None when it can stay as it is.

        `timestamps` is the format of a timestamp that has no trait.
        """
        if not self._converted(str(member["target"]), member, timestamps, set()):
            return None

        def convert(value: Any) -> Any:
            return self._written(value, str(member["target"]), member, timestamps, name)

        return convert

    def payload(self, name: str, member: Shape) -> tuple[str, Convert | None]:
        """Media type and converter of a member that is the whole body."""
        shape = self._shapes.get(str(member["target"]), self._where)
        kind = shape.get("type")
        media = (shape.get("traits") or {}).get("smithy.api#mediaType")
        if kind == "blob":
            return str(media or "application/octet-stream"), lambda value: _decoded(value, name)
        if kind in ("string", "enum"):
            return str(media or "text/plain"), None
        return JSON, self.converter(name, member, "epoch-seconds")

    def _member(self, shape: Shape, member: str, where: str) -> str:
        return targets([shape.get(member)], where)[0]

    def _children(self, shape: Shape, identifier: str) -> Iterator[tuple[str, Shape]]:
        """The members of an aggregate shape by name; "" is every item."""
        if shape.get("type") in ("structure", "union"):
            yield from members(shape, identifier).items()
        else:
            inner = shape.get("value" if shape.get("type") == "map" else "member")
            if isinstance(inner, dict) and isinstance(inner.get("target"), str):
                yield "", inner

    def _converted(self, identifier: str, member: Shape, timestamps: str, seen: set[str]) -> bool:
        """Whether values of a shape are written otherwise than they are given."""
        shape = self._shapes.get(identifier, self._where)
        if shape.get("type") == "timestamp":
            return _format(member, shape, timestamps) != "date-time"
        if shape.get("type") not in _AGGREGATE or identifier in seen:
            return False
        seen.add(identifier)
        return any(
            _JSON_NAME in (child.get("traits") or {})
            or self._converted(str(child["target"]), child, "epoch-seconds", seen)
            for _, child in self._children(shape, identifier)
        )

    def _written(self, value: Any, identifier: str, member: Shape, timestamps: str, path: str) -> Any:
        shape = self._shapes.get(identifier, self._where)
        if shape.get("type") == "timestamp":
            return _timestamp(value, _format(member, shape, timestamps), path)
        children = dict(self._children(shape, identifier)) if shape.get("type") in _AGGREGATE else {}
        every = children.get("")
        if isinstance(value, list) and every is not None:
            inner = str(every["target"])
            return [
                self._written(item, inner, every, timestamps, f"{path}/{at}") for at, item in enumerate(value)
            ]
        if not isinstance(value, dict):
            return value
        written = {}
        for name, item in value.items():
            child = children.get(name, every)
            if child is None:
                written[name] = item
                continue
            wire = str((child.get("traits") or {}).get(_JSON_NAME, name))
            written[wire] = self._written(
                item, str(child["target"]), child, "epoch-seconds", f"{path}/{name}"
            )
        return written


def _values(shape: Shape, kind: str) -> dict[str, Any]:
    """The values of an enum, in either version of Smithy."""
    if kind in ("enum", "intEnum"):
        given = members(shape, kind)
        listed = [
            (member.get("traits") or {}).get("smithy.api#enumValue", name) for name, member in given.items()
        ]
        return {"enum": listed} if listed else {}
    old = (shape.get("traits") or {}).get("smithy.api#enum")
    listed = (
        [item["value"] for item in old if isinstance(item, dict) and "value" in item]
        if isinstance(old, list)
        else []
    )
    return {"enum": listed} if listed else {}


def _format(member: Shape, shape: Shape, default: str) -> str:
    for owner in (member, shape):
        if isinstance(found := (owner.get("traits") or {}).get(_FORMAT), str):
            return found
    return default


def _timestamp(value: Any, form: str, path: str) -> Any:
    try:
        moment = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError) as problem:
        raise BadArgumentsError(f"Field '/{path}' is no date and time in ISO 8601") from problem
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    if form == "http-date":
        return email.utils.format_datetime(moment.astimezone(dt.UTC), usegmt=True)
    seconds = moment.timestamp()
    return (int(seconds) if seconds.is_integer() else seconds) if form == "epoch-seconds" else value


def _decoded(value: Any, path: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error) as problem:
        raise BadArgumentsError(f"Field '/{path}' is not Base64") from problem
