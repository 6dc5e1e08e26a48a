"""Checks a tool call's arguments against AWS's subset of JSON Schema, in AWS's words.

`SchemaDefinition` knows `type`, `properties`, `required`, `items` and `description` only (botocore service
model); schemas made from documents may also have a list of types, and `additionalProperties`, which opens an
object. Nothing else is checked: enums and bounds are the target's business. The texts are those of captures
published by others; where they speak of nested members, and that objects are closed at every level, is
inferred.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

PREFIX = "ValidationException - Parameter validation failed: Invalid request parameters:\n"
MAX_PROBLEMS = 50

Schema = Mapping[str, Any]


def problem(schema: Schema, arguments: object, *, closed: bool = True) -> str | None:
    """What is wrong with the arguments of a call, as one text with a line per problem, or None.

    `closed` refuses members that an object schema with `properties` does not name.
    """
    lines = []
    for line in _problems(schema, arguments, "", closed):
        lines.append(f"- {line}")
        if len(lines) == MAX_PROBLEMS:
            break
    return PREFIX + "\n".join(lines) if lines else None


def _problems(schema: Schema, value: object, path: str, closed: bool) -> Iterator[str]:
    expected = schema.get("type")
    listed = expected if isinstance(expected, list) else [expected]
    kinds = [kind for kind in listed if isinstance(kind, str)]
    if kinds and not any(_fits(value, kind) for kind in kinds):
        shown = expected if isinstance(expected, str) else f"[{', '.join(kinds)}]"
        yield f"Field '{path or '/'}' has invalid type: {_type_name(value)} found, {shown} expected"
    elif isinstance(value, dict):
        yield from _object_problems(schema, value, path, closed)
    elif isinstance(value, list) and isinstance(items := schema.get("items"), Mapping):
        for index, item in enumerate(value):
            yield from _problems(items, item, f"{path}/{index}", closed)


def _object_problems(schema: Schema, value: dict[str, Any], path: str, closed: bool) -> Iterator[str]:
    missing = [name for name in schema.get("required") or () if name not in value]
    if missing:
        names = ", ".join(f"'{path}/{name}'" if path else f"'{name}'" for name in missing)
        yield f"Missing required field(s): {names}"
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return
    for name, item in value.items():
        known = properties.get(name)
        if isinstance(known, Mapping):
            yield from _problems(known, item, f"{path}/{_pointer(name)}", closed)
        elif closed and schema.get("additionalProperties", False) is False:
            yield (
                f"additionalProperties validation failed: property '{name[:100]}' is not defined in the "
                "schema and the schema does not allow additional properties"
            )


def _pointer(name: str) -> str:
    """A member name as a reference token of RFC 6901."""
    return name.replace("~", "~0").replace("/", "~1")


def _fits(value: object, expected: str) -> bool:
    if expected == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if expected == "integer":
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return whole and not isinstance(value, bool)
    return _type_name(value) == expected


def _type_name(value: object) -> str:
    """The JSON type of a value, as validators name it."""
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "object")
