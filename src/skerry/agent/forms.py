"""Forms that a server asks a person to fill in: MCP's flat JSON schemas, checked before they are sent.

Source: MCP 2026-07-28, elicitation: an object of string, number, integer and boolean fields, and lists of
strings to choose from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from skerry.agent.errors import AgentError

MAX_TEXT = 10_000
MAX_CHOICES = 100

Content = dict[str, str | int | float | bool | list[str] | None]


def is_confirmation(schema: Mapping[str, Any]) -> bool:
    """Whether a form asks for no more than a yes: it has no field, or one that is a boolean."""
    fields = schema.get("properties", {})
    if not isinstance(fields, Mapping) or len(fields) > 1:
        return False
    return all(isinstance(field, Mapping) and field.get("type") == "boolean" for field in fields.values())


def yes(schema: Mapping[str, Any]) -> Content:
    """The yes to a form that is a confirmation."""
    return dict.fromkeys(schema.get("properties", {}), True)


def filled(schema: Mapping[str, Any], content: Mapping[str, Any]) -> Content:
    """The fields of a form as a person filled them in.

    Raises AgentError VALIDATION_ERROR when a field is missing, unknown or of another type.
    """
    fields = schema.get("properties", {})
    fields = fields if isinstance(fields, Mapping) else {}
    unknown = sorted(set(content) - set(fields))
    if unknown:
        raise _wrong(unknown[0], "is no field of this form")
    required = schema.get("required")
    for name in required if isinstance(required, list) else ():
        if content.get(str(name)) is None:
            raise _wrong(str(name), "is missing")
    return {name: _value(name, fields[name], value) for name, value in content.items() if value is not None}


def _value(name: str, field: object, value: object) -> str | int | float | bool | list[str]:
    field = field if isinstance(field, Mapping) else {}
    kind = field.get("type")
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind in ("integer", "number") and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value) or (kind == "integer" and value % 1):
            raise _wrong(name, "must be a whole number" if kind == "integer" else "must be a number")
        low, high = _limit(field, "minimum", -math.inf), _limit(field, "maximum", math.inf)
        if not low <= value <= high:
            raise _wrong(name, f"must be from {low} to {high}")
        return value
    if kind == "string" and isinstance(value, str) and len(value) <= MAX_TEXT:
        if not _limit(field, "minLength", 0) <= len(value) <= _limit(field, "maxLength", MAX_TEXT):
            raise _wrong(name, "has the wrong length")
        _check_choice(name, field, value)
        return value
    if kind == "array" and isinstance(value, list) and len(value) <= MAX_CHOICES:
        items = field.get("items")
        for item in value:
            _check_choice(name, items if isinstance(items, Mapping) else {}, item)
        return [str(item) for item in value]
    raise _wrong(name, f"must be of the type {kind}")


def _limit(field: Mapping[str, Any], name: str, default: float) -> float:
    value = field.get(name)
    return value if isinstance(value, int | float) else default


def _check_choice(name: str, field: Mapping[str, Any], value: object) -> None:
    choices = field.get("enum")
    named = field.get("oneOf") or field.get("anyOf")
    if choices is None and isinstance(named, list):
        choices = [choice.get("const") for choice in named if isinstance(choice, Mapping)]
    if not isinstance(value, str) or (isinstance(choices, list) and value not in choices):
        raise _wrong(name, "is none of the choices")


def _wrong(name: str, text: str) -> AgentError:
    return AgentError("VALIDATION_ERROR", f"the field {name[:80]!r} {text}; the question stays open.")
