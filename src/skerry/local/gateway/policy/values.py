"""JSON Schema as Cedar types, and the arguments of a call as Cedar values.

| JSON Schema | Cedar |
|---|---|
| string, integer, boolean | String, Long, Bool |
| number | decimal, with four places; more are cut off |
| array, object | Set, Record; a record nests up to 64 levels |
| null | an entity of its own |

A value that is not what its schema says becomes what it is, so that a policy which reads it fails rather than
reads something else. What Cedar cannot hold at all is refused.

Source: AWS developer guide, `policy-schema-constraints`; nullable and referenced schemas are inferred. (The
open-source generator that the guide names makes entities of enums and records of choices; whether the service
does is not known.)
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Any

from skerry.errors import SkerryError
from skerry.local.gateway.policy.vocabulary import NULL, uid

MAX_DEPTH = 64
MAX_TYPE_DEPTH = 30
MAX_TYPES = 2000
_LONG = 2**63
_PLACES = Decimal("0.0001")
_MAX_DECIMAL = Decimal("922337203685477.5807")
_PLAIN: Mapping[str, Mapping[str, str]] = {
    "string": {"type": "String"},
    "integer": {"type": "Long"},
    "boolean": {"type": "Boolean"},
    "number": {"type": "Extension", "name": "decimal"},
    "null": {"type": "Entity", "name": NULL},
}
_ESCAPES = frozenset({"__entity", "__extn", "__expr"})
"""Members that mean something else in Cedar's JSON. An argument must never be read as an entity."""

Schema = Mapping[str, Any]
_ANY: Schema = {}


class UnrepresentableError(SkerryError):
    """Arguments that have no form in Cedar."""

    code = "SKY-301"


def record_type(schema: Schema) -> dict[str, Any]:
    """The Cedar record of a tool's input schema.

    Members without a Cedar type are left out: a union, an unknown type, one that contains itself, and what is
    beyond `MAX_TYPES`.
    """
    return _Types(schema).record(schema, 0, frozenset())


class _Types:
    """One walk over one schema."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._left = MAX_TYPES

    def of(self, schema: Schema, depth: int, within: frozenset[str]) -> dict[str, Any] | None:
        """The Cedar type; `within` are the references that it stands in."""
        schema, followed = _followed(schema, self._root)
        kind = schema.get("type")
        self._left -= 1
        if depth > MAX_TYPE_DEPTH or self._left < 0 or not within.isdisjoint(followed):
            return None
        if isinstance(kind, str) and kind in _PLAIN:
            return dict(_PLAIN[kind])
        inner = within | set(followed)
        if kind == "array":
            element = self.of(_items(schema), depth + 1, inner)
            return {"type": "Set", "element": element} if element is not None else None
        return self.record(schema, depth, inner) if kind == "object" else None

    def record(self, schema: Schema, depth: int, within: frozenset[str]) -> dict[str, Any]:
        """The Cedar record of an object schema."""
        required = schema.get("required")
        needed = required if isinstance(required, list) else ()
        attributes: dict[str, Any] = {}
        for name, member in _properties(schema).items():
            found = self.of(_schema(member), depth + 1, within)
            if found is not None:
                attributes[name] = {**found, "required": name in needed}
        return {"type": "Record", "attributes": attributes}


def cedar_value(value: object, schema: Schema, root: Schema, depth: int = 0) -> Any:
    """A value in Cedar's JSON. Raises UnrepresentableError."""
    if depth > MAX_DEPTH:
        raise UnrepresentableError(f"It is nested more than {MAX_DEPTH} deep.")
    schema, _ = _followed(schema, root)
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        return _number(value, schema.get("type"))
    if isinstance(value, list):
        items = _items(schema)
        return [cedar_value(item, items, root, depth + 1) for item in value]
    if isinstance(value, dict):
        known = _properties(schema)
        return {
            _member(name): cedar_value(item, _schema(known.get(name)), root, depth + 1)
            for name, item in value.items()
        }
    return {"__entity": uid(NULL, "null")}


def _followed(schema: Schema, root: Schema) -> tuple[Schema, list[str]]:
    """A schema behind its references into `root`, without `null` as other choice, and those references."""
    followed: list[str] = []
    while len(followed) < MAX_DEPTH:
        reference = schema.get("$ref")
        choices = schema.get("anyOf") or schema.get("oneOf")
        others = [item for item in choices if _is_value(item)] if isinstance(choices, list) else []
        if isinstance(reference, str):
            schema = _referenced(reference, root)
        elif len(others) == 1:
            schema = others[0]
        else:
            break
        followed.append(reference if isinstance(reference, str) else "")
    kind = schema.get("type")
    if isinstance(kind, list):
        named = [item for item in kind if item != "null"]
        schema = {**schema, "type": named[0] if len(named) == 1 else None}
    return schema, [reference for reference in followed if reference]


def _referenced(reference: str, root: Schema) -> Schema:
    found: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found if reference.startswith("#/") and isinstance(found, Mapping) else _ANY


def _is_value(choice: object) -> bool:
    return isinstance(choice, Mapping) and choice.get("type") != "null"


def _number(value: float, kind: object) -> Any:
    """A Long, or a decimal where the schema says `number` or the value has a fraction."""
    whole = isinstance(value, int) or value.is_integer()
    if whole and kind != "number" and (isinstance(value, int) or kind == "integer"):
        if not -_LONG <= value < _LONG:
            raise UnrepresentableError("A whole number is out of the range of Long.")
        return int(value)
    exact = Decimal(str(value))
    if not exact.is_finite() or abs(exact) > _MAX_DECIMAL:
        raise UnrepresentableError("A number is out of the range of decimal.")
    return {"__extn": {"fn": "decimal", "arg": f"{exact.quantize(_PLACES, ROUND_DOWN):f}"}}


def _member(name: str) -> str:
    if name in _ESCAPES:
        raise UnrepresentableError(f"A member is named {name}.")
    return name


def _items(schema: Schema) -> Schema:
    return _schema(schema.get("items"))


def _properties(schema: Schema) -> Mapping[str, Any]:
    found = schema.get("properties")
    return found if isinstance(found, Mapping) else _ANY


def _schema(found: object) -> Schema:
    return found if isinstance(found, Mapping) else _ANY
