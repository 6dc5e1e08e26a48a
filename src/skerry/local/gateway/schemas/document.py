"""Schema documents: JSON or YAML text to a tree, within bounds, and references inside of it.

YAML is read from libyaml's events, not by its loader: that one recurses in C, so that a line of brackets ends
the process, and knows dates and `no` as types of their own. OpenAPI wants the JSON types alone (OpenAPI 3.1,
section 4.2), so plain scalars are null, true, false, numbers or text here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn
from urllib.parse import unquote

import yaml

from skerry.local.gateway.schemas.problem import SchemaError

MAX_DEPTH = 64
MAX_NODES = 1_000_000
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_WORDS: Mapping[str, Any] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_MERGE = "<<"


class Document:
    """The tree of a document and what its own references point to."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root

    def resolve(self, reference: str, where: str) -> Any:
        """What a local reference (`#/…`, RFC 6901) points to.

        Raises SchemaError for one to another document, which is never fetched, and for one to nothing.
        """
        if not reference.startswith("#"):
            raise SchemaError(
                f"{where}: $ref {reference[:200]!r} refers to another document.",
                hint="Only references within the document (#/…) are followed; bundle it into one file.",
            )
        node: Any = self.root
        for token in reference[1:].split("/")[1:]:
            name = unquote(token).replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict) and name in node:
                node = node[name]
            elif isinstance(node, list) and name.isdecimal() and int(name[:9]) < len(node):
                node = node[int(name[:9])]
            else:
                raise SchemaError(f"{where}: $ref {reference[:200]!r} points to nothing in the document.")
        return node

    def followed(self, node: Any, where: str) -> Any:
        """A node, or what its `$ref` finally points to. Raises SchemaError, also for a circle."""
        for _ in range(MAX_DEPTH):
            reference = node.get("$ref") if isinstance(node, dict) else None
            if not isinstance(reference, str):
                return node
            node = self.resolve(reference, where)
        raise SchemaError(f"{where}: the references go in a circle.")


def parse(text: str, kind: str) -> Document:
    """The document in `text`; `kind` is how errors call it. Raises SchemaError that names the line."""
    text = text.removeprefix("\ufeff")
    is_json = text.lstrip()[:1] in ("{", "[")
    root = _json(text, kind) if is_json else _yaml(text, kind)
    if not isinstance(root, dict):
        raise SchemaError(f"{kind} must be an object, not {type(root).__name__}.")
    _bounded(root, kind)
    return Document(root)


def _json(text: str, kind: str) -> Any:
    def not_json(constant: str) -> NoReturn:
        raise SchemaError(f"{kind} is not JSON: it holds {constant}.")

    try:
        root = json.loads(text, parse_constant=not_json)
        if "\\u" in text:  # half of a surrogate pair can be read but not written
            json.dumps(root, ensure_ascii=False).encode("utf-8")
        return root
    except json.JSONDecodeError as problem:
        raise SchemaError(
            f"{kind} is not JSON: line {problem.lineno}, column {problem.colno}: {problem.msg}."
        ) from problem
    except (ValueError, RecursionError) as problem:
        raise SchemaError(f"{kind} is not JSON that can be read: {_first(problem)}.") from problem


def _yaml(text: str, kind: str) -> Any:
    try:
        return _Tree(kind).build(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else "?"
        raise SchemaError(f"{kind} is not YAML: line {line}: {problem.problem}.") from problem
    except (yaml.YAMLError, UnicodeError) as problem:
        raise SchemaError(f"{kind} is not YAML: {_first(problem)}.") from problem


class _Tree:
    """Builds the tree of the first document in a stream of YAML events."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._open: list[tuple[Any, str | None]] = []
        self._keys: list[Any] = []
        self._anchors: dict[str, Any] = {}
        self._root: Any = None

    def build(self, events: Iterator[Any]) -> Any:
        """The value of the first document. Raises SchemaError and yaml.YAMLError."""
        documents = 0
        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                value = _scalar(event)
                self._named(event.anchor, value)
                self._add(value, event)
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                self._begin(event)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                value, anchor = self._open.pop()
                self._keys.pop()
                self._named(anchor, value)
                self._add(value, event)
            elif isinstance(event, yaml.AliasEvent):
                if event.anchor not in self._anchors:
                    raise self._wrong(event, f"the alias *{event.anchor} refers to nothing before it")
                self._add(self._anchors[event.anchor], event)
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._wrong(event, "there is a second document")
        return self._root

    def _begin(self, event: Any) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise self._wrong(event, f"it is nested deeper than {MAX_DEPTH} levels")
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._open.append((value, event.anchor))
        self._keys.append(_NO_KEY)

    def _named(self, anchor: str | None, value: Any) -> None:
        if anchor:
            self._anchors[anchor] = value

    def _add(self, value: Any, event: Any) -> None:
        if not self._open:
            self._root = value
            return
        parent = self._open[-1][0]
        if isinstance(parent, list):
            parent.append(value)
        elif self._keys[-1] is _NO_KEY:
            if isinstance(value, dict | list):
                raise self._wrong(event, "a key must be text")
            self._keys[-1] = event.value if isinstance(event, yaml.ScalarEvent) else str(value)
        else:
            key, self._keys[-1] = self._keys[-1], _NO_KEY
            if key == _MERGE:
                for other in value if isinstance(value, list) else [value]:
                    for name, item in other.items() if isinstance(other, dict) else ():
                        parent.setdefault(name, item)
            else:
                parent[key] = value

    def _wrong(self, event: Any, text: str) -> SchemaError:
        return SchemaError(
            f"{self._kind} is not YAML that can be read: line {event.start_mark.line + 1}: {text}."
        )


_NO_KEY = object()


def _scalar(event: Any) -> Any:
    """A scalar's value by YAML's JSON schema; quoted ones, and those with a tag, are text."""
    text: str = event.value
    if not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) and math.isfinite(float(text)) else text


def _bounded(root: Any, kind: str) -> None:
    """Raises SchemaError when a walk through the tree would not end soon: aliases repeat what is large."""
    count = 0
    stack: list[tuple[Any, int]] = [(root, 1)]
    while stack:
        node, depth = stack.pop()
        children: Any = node.values() if isinstance(node, dict) else node
        count += len(node)
        if count > MAX_NODES or depth > MAX_DEPTH:
            raise SchemaError(
                f"{kind} is too large: at most {MAX_NODES} values, nested {MAX_DEPTH} deep, can be read."
            )
        stack += [(child, depth + 1) for child in children if isinstance(child, dict | list)]


def _first(problem: BaseException) -> str:
    return str(problem).partition("\n")[0][:200]
