"""What the router reads in a tool's JSON schema: properties, types, choices; and whether a value fits.

A choice is an `enum`, a `const`, or a list in the description ("One of: a, b, c"), because the tool schemas
of a Gateway's Lambda target have no `enum`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_LISTED = re.compile(
    r"(?:\bone of:?|\b(?:values|operations?|choices)(?:\s+are)?:)\s+"
    r"(?P<items>[`'\"]?[\w.-]+[`'\"]?(?:\s*(?:,|\||/|\bor\b)\s*(?:or\s+)?[`'\"]?[\w.-]+[`'\"]?)+)",
    re.IGNORECASE,
)
_ITEM = re.compile(r"[\w.-]*\w")
_DEPTH = 8

MISSING = object()
"""No value."""


def resolve(schema: Any, root: Mapping[str, Any], depth: int = 0) -> Mapping[str, Any]:
    """A property's schema with local references followed and `null` alternatives dropped."""
    if not isinstance(schema, Mapping) or depth > _DEPTH:
        return {}
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        found: Any = root
        for part in reference[2:].split("/"):
            found = found.get(part, {}) if isinstance(found, Mapping) else {}
        return {**resolve(found, root, depth + 1), **{k: v for k, v in schema.items() if k != "$ref"}}
    for union in ("anyOf", "oneOf", "allOf"):
        options = schema.get(union)
        if isinstance(options, list):
            rest = {key: value for key, value in schema.items() if key != union}
            real = [
                option for option in options if isinstance(option, Mapping) and option.get("type") != "null"
            ]
            return {**(resolve(real[0], root, depth + 1) if real else {}), **rest}
    return schema


def properties(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The properties of an object schema, resolved, in their order."""
    found = schema.get("properties")
    if not isinstance(found, Mapping):
        return {}
    return {str(name): resolve(prop, schema) for name, prop in found.items()}


def required(schema: Mapping[str, Any]) -> list[str]:
    """The names of the required properties that exist."""
    names = schema.get("required")
    known = properties(schema)
    return (
        [name for name in names if isinstance(name, str) and name in known] if isinstance(names, list) else []
    )


def kind(prop: Mapping[str, Any]) -> str:
    """The type of a property; a list of types gives the first that is not null, no type a string."""
    given = prop.get("type")
    if isinstance(given, list):
        given = next((item for item in given if item != "null"), "string")
    if isinstance(given, str):
        return given
    return "object" if "properties" in prop else "string"


def choices(prop: Mapping[str, Any]) -> list[Any]:
    """The values that a property may have, or nothing when it is free."""
    if isinstance(prop.get("enum"), list):
        return [value for value in prop["enum"] if value is not None]
    if "const" in prop:
        return [prop["const"]]
    if kind(prop) != "string":
        return []
    listed = _LISTED.search(str(prop.get("description", "")))
    return _ITEM.findall(re.sub(r"\bor\b", ",", listed["items"])) if listed else []


def fit(text: str, prop: Mapping[str, Any]) -> Any:
    """The value that `text` stands for in a property, or MISSING when it cannot be one."""
    value = _typed(text.strip(), prop)
    if value is MISSING:
        return MISSING
    allowed = prop.get("enum")
    if isinstance(allowed, list) and value not in allowed:
        lower = {str(item).lower(): item for item in allowed}
        return lower.get(str(value).lower(), MISSING)
    return value if _within(value, prop) else MISSING


def _typed(text: str, prop: Mapping[str, Any]) -> Any:
    what = kind(prop)
    if what == "integer":
        return int(text) if re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII) else MISSING
    if what == "number":
        return float(text) if re.fullmatch(r"[+-]?\d{1,18}(\.\d{1,18})?", text, re.ASCII) else MISSING
    if what == "boolean":
        return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}.get(
            text.lower(), MISSING
        )
    if what in ("object", "array"):
        return _structured(text, prop, what)
    return text or MISSING


def _structured(text: str, prop: Mapping[str, Any], what: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict if what == "object" else list):
        return value
    if what == "object":
        return MISSING
    items = [fit(item, resolve(prop.get("items", {}), prop)) for item in text.split(",") if item.strip()]
    return items if items and MISSING not in items else MISSING


def _within(value: Any, prop: Mapping[str, Any]) -> bool:
    if isinstance(value, str):
        # A pattern is left to the tool: running a regular expression of unknown cost could stop the endpoint.
        low, high = prop.get("minLength"), prop.get("maxLength")
        return not (
            (isinstance(low, int) and len(value) < low) or (isinstance(high, int) and len(value) > high)
        )
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = prop.get("minimum"), prop.get("maximum")
        return not (
            (isinstance(low, int | float) and value < low) or (isinstance(high, int | float) and value > high)
        )
    return True
