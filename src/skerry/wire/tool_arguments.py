"""What a tool takes, and which of given arguments do not fit it, in words, from its input schema.

Values are never shown: one may be a secret. Source: MCP 2026-07-28, tools (inputSchema is JSON Schema).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from skerry.wire.shown import safe

_NAME = 64
"""Characters of an argument's name that are shown."""
_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def type_of(field: object) -> str:
    """The type of an argument: one word, or the values and types that it may have."""
    if not isinstance(field, Mapping):
        return "any"
    if "enum" in field:
        return " | ".join(json.dumps(item) for item in field["enum"])
    kinds = field.get("type") or [item.get("type", "any") for item in field.get("anyOf", [])] or "any"
    return kinds if isinstance(kinds, str) else " | ".join(map(str, kinds))


def takes(tool: str, schema: Mapping[str, Any]) -> str:
    """A sentence that says what a tool takes."""
    required = [name for name in schema.get("required", ()) if name in _fields(schema)]
    others = [name for name in _fields(schema) if name not in required]
    must, may = ", ".join(map(_with(schema), required)), ", ".join(map(_with(schema), others))
    if not must:
        return f"{tool} takes {f'optionally {may}' if may else 'no arguments'}."
    return f"{tool} takes {must}{f', and optionally {may}' if may else ''}."


def missing(name: str, schema: Mapping[str, Any]) -> str:
    """What to say of an argument that was left out."""
    return f"{safe(name, _NAME)} ({type_of(_fields(schema).get(name))}) is missing"


def unknown(name: str, schema: Mapping[str, Any]) -> str:
    """What to say of an argument that the tool does not have."""
    near = difflib.get_close_matches(name[:_NAME], list(_fields(schema)), n=1)
    return f"{safe(name, _NAME)} is no argument of it{f' (did you mean {near[0]}?)' if near else ''}"


def wrong(name: str, schema: Mapping[str, Any]) -> str:
    """What to say of an argument whose value does not fit."""
    field = _fields(schema).get(name)
    kind = "one of" if isinstance(field, Mapping) and "enum" in field else "of type"
    return f"{safe(name, _NAME)} must be {kind} {type_of(field)}"


def misfits(given: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """What of given arguments does not fit: what is left out, not known, or of another type or value."""
    fields = _fields(schema)
    yield from (missing(name, schema) for name in schema.get("required", ()) if name not in given)
    for name, value in given.items():
        if name not in fields:
            if schema.get("additionalProperties") is False or not set(schema.get("required", ())) <= set(
                given
            ):
                yield unknown(name, schema)
        elif not _fits(value, fields[name]):
            yield wrong(name, schema)


def _fits(value: object, field: object) -> bool:
    """Whether a value is of the type, or one of the values, of a field; other keywords are the server's."""
    if not isinstance(field, Mapping):
        return True
    if "enum" in field:
        return value in field["enum"]
    if "anyOf" in field:
        return any(_fits(value, one) for one in field["anyOf"])
    kinds = field.get("type", ())
    for kind in (kinds,) if isinstance(kinds, str) else kinds:
        types = _KINDS.get(kind, (object,))
        if isinstance(value, types) and (not isinstance(value, bool) or bool in types or object in types):
            return True
        if kind == "integer" and isinstance(value, float) and value.is_integer():
            return True
    return not kinds


def _fields(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    found = schema.get("properties")
    return found if isinstance(found, Mapping) else {}


def _with(schema: Mapping[str, Any]) -> Any:
    fields = _fields(schema)
    return lambda name: f"{safe(name, _NAME)} ({type_of(fields[name])})"
