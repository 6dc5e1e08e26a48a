"""OpenAPI schemas as the JSON Schema of a tool: references put in, keywords of OpenAPI's own left out.

Source: OpenAPI 3.0.4 and 3.1.1, "Schema Object". What AWS keeps of a schema is not known: `keywords` says it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from skerry.local.gateway.schemas.document import Document
from skerry.local.gateway.schemas.problem import SchemaError

COMPOSITION = ("oneOf", "anyOf", "allOf")
MAX_SCHEMAS = 5_000
"""Schemas in one tool, references put in."""
MAX_DEPTH = 48
_BOUNDS = (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum"))
_TYPES = ("string", "number", "integer", "boolean", "array", "object")

Schema = dict[str, Any]


class SchemaReader:
    """Reads the schemas of one tool. `old` says that the document is OpenAPI 3.0."""

    def __init__(self, document: Document, keywords: Collection[str], *, old: bool, where: str) -> None:
        self._document = document
        self._keywords = keywords
        self._old = old
        self._where = where
        self._left = MAX_SCHEMAS

    def read(self, node: object, *, sending: bool = True, active: tuple[str, ...] = ()) -> Schema:
        """A schema as JSON Schema; one that is met again inside of itself is cut off at its type.

        With `sending`, properties that only the API sets (`readOnly`) are left out. Raises SchemaError.
        """
        self._left -= 1
        if self._left < 0 or len(active) > MAX_DEPTH:
            raise SchemaError(
                f"{self._where}: its schema has more than {MAX_SCHEMAS} parts or {MAX_DEPTH} levels."
            )
        if isinstance(node, bool):
            return {}
        if not isinstance(node, Mapping):
            raise SchemaError(f"{self._where}: a schema must be an object, not {type(node).__name__}.")
        reference = node.get("$ref")
        if isinstance(reference, str):
            return self._referred(node, reference, sending, active)
        found = {name: node[name] for name in self._keywords if name in node}
        self._typed(node, found)
        for name in COMPOSITION:
            if isinstance(node.get(name), list):
                found[name] = [
                    self.read(item, sending=sending, active=(*active, name)) for item in node[name]
                ]
        self._members(node, found, sending, active)
        return found

    def _referred(
        self, node: Mapping[str, Any], reference: str, sending: bool, active: tuple[str, ...]
    ) -> Schema:
        target = self._document.resolve(reference, self._where)
        if reference in active:
            kind = target.get("type") if isinstance(target, dict) else None
            return {"type": kind if kind in _TYPES else "object"}
        found = self.read(target, sending=sending, active=(*active, reference))
        if not self._old:
            found |= {name: node[name] for name in ("description", "default") if name in node}
        return found

    def _typed(self, node: Mapping[str, Any], found: Schema) -> None:
        kind = found.get("type")
        if kind is None:
            if isinstance(node.get("properties"), dict):
                found["type"] = "object"
        elif not _is_type(kind):
            raise SchemaError(f"{self._where}: {str(kind)[:50]!r} is no type of JSON Schema.")
        if not self._old:
            return
        if node.get("nullable") is True and isinstance(kind, str):
            found["type"] = [kind, "null"]
        for exclusive, bound in _BOUNDS:
            flag = found.get(exclusive)
            if isinstance(flag, bool):
                del found[exclusive]
                if flag and bound in found:
                    found[exclusive] = found.pop(bound)

    def _members(
        self, node: Mapping[str, Any], found: Schema, sending: bool, active: tuple[str, ...]
    ) -> None:
        inner = (*active, "")
        properties = found.get("properties")
        if properties is not None:
            if not isinstance(properties, dict):
                raise SchemaError(f"{self._where}: properties must be an object.")
            shown = {
                name: item for name, item in properties.items() if not (sending and self._read_only(item))
            }
            found["properties"] = {
                name: self.read(item, sending=sending, active=inner) for name, item in shown.items()
            }
            required = [
                name for name in _names(node.get("required")) if name in shown or name not in properties
            ]
            found.pop("required", None)
            if required and "required" in self._keywords:
                found["required"] = required
        elif "required" in found:
            found["required"] = _names(found["required"])
        if "items" in found:
            found["items"] = self.read(found["items"], sending=sending, active=inner)
        if isinstance(found.get("additionalProperties"), dict):
            found["additionalProperties"] = self.read(
                found["additionalProperties"], sending=sending, active=inner
            )

    def _read_only(self, node: object) -> bool:
        target = self._document.followed(node, self._where)
        return isinstance(target, dict) and target.get("readOnly") is True


def composition(document: Document) -> tuple[str, ...] | None:
    """The path to the first schema with `oneOf`, `anyOf` or `allOf` in a document, or None."""
    stack: list[tuple[Any, tuple[str, ...]]] = [(document.root, ())]
    while stack:
        node, path = stack.pop()
        if isinstance(node, dict):
            for name in COMPOSITION:
                if isinstance(node.get(name), list):
                    return (*path, name)
            stack += [
                (child, (*path, name))
                for name, child in reversed(node.items())
                if isinstance(child, dict | list) and not _is_data(name, path)
            ]
        else:
            stack += [
                (child, (*path, str(at))) for at, child in enumerate(node) if isinstance(child, dict | list)
            ]
    return None


def _is_data(name: str, path: tuple[str, ...]) -> bool:
    """Whether a member holds values rather than schemas; a property may have any name."""
    if path and path[-1] == "properties":
        return False
    return name in ("example", "examples", "default", "enum", "const") or name.startswith("x-")


def _is_type(kind: object) -> bool:
    if isinstance(kind, list):
        return bool(kind) and all(item in (*_TYPES, "null") for item in kind)
    return isinstance(kind, str) and (kind in _TYPES or kind == "null")


def _names(value: object) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []
