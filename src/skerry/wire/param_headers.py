"""`Mcp-Param-*`: arguments that a tool wants repeated in headers (MCP 2026-07-28, transports).

A property with `x-mcp-header: NAME` in a tool's input schema is sent as the header `Mcp-Param-NAME`. It must
be a string, integer or boolean that is reachable through `properties` alone, with a name that is a token
and unique without regard to case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from skerry.wire.headers import MCP_PARAM_PREFIX, decode_value, encode_value

_KEY = "x-mcp-header"
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_DECIMAL = re.compile(r"-?[0-9]{1,40}(?:\.0+)?")
_TYPES = frozenset({"string", "integer", "boolean"})
_ONE = frozenset(
    {
        "items",
        "contains",
        "unevaluatedItems",
        "additionalProperties",
        "propertyNames",
        "not",
        "if",
        "then",
        "else",
    }
)
_MANY = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_NAMED = frozenset({"patternProperties", "dependentSchemas", "$defs", "definitions"})

Path = tuple[str, ...]


def annotation_problem(schema: object) -> str | None:
    """Why the annotations of an input schema cannot be used, or None."""
    seen: set[str] = set()
    for path, node in _nodes(schema):
        if _KEY not in node:
            continue
        name, kind = node[_KEY], node.get("type")
        if not path:
            return f"{_KEY} stands where no argument is"
        if not isinstance(name, str) or _TOKEN.fullmatch(name) is None:
            return f"{_KEY} of {'.'.join(path)} is not a header name"
        if kind not in _TYPES:
            return f"{_KEY} of {'.'.join(path)} is not on a string, integer or boolean"
        if name.lower() in seen:
            return f"{_KEY} {name} is used twice"
        seen.add(name.lower())
    return None


def param_headers(schema: object, arguments: object) -> dict[str, str]:
    """The headers that a call with these arguments must carry; missing and null arguments have none."""
    found: dict[str, str] = {}
    for path, node in _nodes(schema):
        value = _at(arguments, path) if path and _KEY in node else None
        if isinstance(value, bool):
            found[MCP_PARAM_PREFIX + node[_KEY]] = "true" if value else "false"
        elif isinstance(value, str | int):
            found[MCP_PARAM_PREFIX + node[_KEY]] = encode_value(str(value))
    return found


def contradicting(schema: object, arguments: object, headers: Mapping[str, str]) -> str | None:
    """The first header that does not say what the arguments say, or None. `headers` has lower-case names.

    Header and argument belong together: one without the other contradicts too. Invalid annotations ask for
    nothing.
    """
    if annotation_problem(schema) is not None:
        return None
    wanted = {name.lower(): (name, value) for name, value in param_headers(schema, arguments).items()}
    for path, node in _nodes(schema):
        if not path or _KEY not in node:
            continue
        name = f"{MCP_PARAM_PREFIX}{node[_KEY]}"
        sent, due = headers.get(name.lower()), wanted.get(name.lower())
        if (sent is None) != (due is None):
            return name
        if sent is not None and due is not None and not _same(sent, due[1], node.get("type")):
            return name
    return None


def _same(sent: str, due: str, kind: object) -> bool:
    text = decode_value(sent)
    if kind == "integer" and text is not None and _DECIMAL.fullmatch(text):  # 42.0 is 42
        return int(text.partition(".")[0]) == int(due)
    return text is not None and text == decode_value(due)


def _nodes(root: object) -> Iterator[tuple[Path | None, Mapping[str, Any]]]:
    """Every schema below `root` with the path of its argument, None off the chain of `properties`."""
    stack: list[tuple[Path | None, object]] = [((), root)]
    while stack:
        path, node = stack.pop()
        if not isinstance(node, Mapping):
            continue
        yield path, node
        for key, value in node.items():
            if key == "properties" and isinstance(value, Mapping):
                stack += [(None if path is None else (*path, name), item) for name, item in value.items()]
            elif key in _ONE:
                stack.append((None, value))
            elif key in _MANY and isinstance(value, list):
                stack += [(None, item) for item in value]
            elif key in _NAMED and isinstance(value, Mapping):
                stack += [(None, item) for item in value.values()]


def _at(value: object, path: Path) -> object:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
