"""Editing JSON that people wrote: comments, trailing commas and layout stay where they are.

`put` and `append` change one place of a text and leave every other byte alone. What is read is JSON
(RFC 8259) with `//` and `/* */` comments and one trailing comma per list, as editors read their settings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

MAX_DEPTH = 100
"""Settings nest a few levels; deeper is no settings file."""

_TRIVIA = re.compile(r"(?:[ \t\r\n]++|//[^\r\n]*+|/\*(?:[^*]|\*(?!/))*+\*/)*+")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"')
_SCALAR = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")


class JsoncError(ValueError):
    """The text is no such JSON; `line` and `column` count from 1."""

    def __init__(self, text: str, at: int, what: str) -> None:
        self.line = text.count("\n", 0, at) + 1
        self.column = at - (text.rfind("\n", 0, at) + 1) + 1
        super().__init__(f"line {self.line}, column {self.column}: {what}")


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands: `text[start:end]`.

    `children` are the members of an object (with their key) or the items of a list (with an empty key);
    `begins` is where each begins, key included. `comma` says that the last one has a comma after it.
    """

    kind: Literal["object", "array", "scalar"]
    start: int
    end: int
    value: Any
    children: tuple[tuple[str, Node], ...] = ()
    begins: tuple[int, ...] = ()
    comma: int = 0

    def child(self, key: str) -> Node | None:
        """The member of that name; of several the last, as every reader of JSON has it."""
        return next((node for name, node in reversed(self.children) if name == key), None)


def parse(text: str) -> Node:
    """The tree of a text. Raises JsoncError."""
    reader = _Reader(text)
    root = reader.value(reader.skip(1 if text.startswith("\ufeff") else 0), 0)
    rest = reader.skip(root.end)
    if rest != len(text):
        raise JsoncError(text, rest, "there is something after the end")
    return root


def blank(text: str) -> bool:
    """Whether a text holds nothing but white space and comments."""
    found = _TRIVIA.match(text, 1 if text.startswith("\ufeff") else 0)
    return found is not None and found.end() == len(text)


def put(text: str, path: Sequence[str], value: Any) -> str:
    """The text with the member at `path` set; objects on the way are made. Raises JsoncError."""
    root = node = parse(text)
    for depth, key in enumerate(path):
        if node.kind != "object":
            raise JsoncError(text, node.start, f"{path[depth - 1] if depth else 'the file'!r} is no object")
        found = node.child(key)
        if found is None:
            for name in reversed(path[depth + 1 :]):
                value = {name: value}
            return _insert(text, root, node, f"{json.dumps(key, ensure_ascii=False)}: ", value)
        node = found
    layout = _Layout(text, root)
    return text[: node.start] + layout.render(value, layout.indentation(node.start)) + text[node.end :]


def append(text: str, path: Sequence[str], item: Any) -> str:
    """The text with an item more in the list at `path`, which is made where missing. Raises JsoncError."""
    root = node = parse(text)
    for key in path:
        found = node.child(key)
        if found is None:
            return put(text, path, [item])
        node = found
    if node.kind != "array":
        raise JsoncError(text, node.start, f"{path[-1]!r} is no list")
    return _insert(text, root, node, "", item)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text

    def skip(self, at: int) -> int:
        found = _TRIVIA.match(self.text, at)
        return found.end() if found else at

    def value(self, at: int, depth: int) -> Node:
        first = self.text[at : at + 1]
        if depth > MAX_DEPTH:
            raise JsoncError(self.text, at, f"it is nested deeper than {MAX_DEPTH} levels")
        if first in ("{", "["):
            return self._container(at, depth)
        pattern = _STRING if first == '"' else _SCALAR
        found = pattern.match(self.text, at)
        if found is None or not found.group():
            raise JsoncError(self.text, at, self._wrong(at))
        return Node("scalar", at, found.end(), json.loads(found.group()))

    def _container(self, at: int, depth: int) -> Node:
        text, is_object = self.text, self.text[at] == "{"
        closing = "}" if is_object else "]"
        children: list[tuple[str, Node]] = []
        begins: list[int] = []
        comma = 0
        here = self.skip(at + 1)
        while text[here : here + 1] != closing:
            if children and not comma:
                raise JsoncError(text, here, f"a comma or {closing} is missing")
            begins.append(here)
            key, start = self._key(here) if is_object else ("", here)
            node = self.value(start, depth + 1)
            children.append((key, node))
            here = self.skip(node.end)
            comma = 0
            if text[here : here + 1] == ",":
                comma = here + 1
                here = self.skip(comma)
        value: Any = (
            {key: node.value for key, node in children} if is_object else [node.value for _, node in children]
        )
        kind: Literal["object", "array"] = "object" if is_object else "array"
        return Node(kind, at, here + 1, value, tuple(children), tuple(begins), comma)

    def _key(self, at: int) -> tuple[str, int]:
        """The name of a member and where its value begins."""
        found = _STRING.match(self.text, at)
        if found is None:
            raise JsoncError(self.text, at, self._wrong(at, "a name in double quotes"))
        colon = self.skip(found.end())
        if self.text[colon : colon + 1] != ":":
            raise JsoncError(self.text, colon, "a colon is missing")
        return json.loads(found.group()), self.skip(colon + 1)

    def _wrong(self, at: int, wanted: str = "a value") -> str:
        if at >= len(self.text):
            return "it ends too early"
        if self.text.startswith("/*", at):
            return "a comment is not closed"
        if self.text[at] == '"':
            return "a string is not closed, or holds something that strings cannot hold"
        return f"{wanted} is missing"


class _Layout:
    """How a text is laid out: line ends, one step of indentation, or everything on one line."""

    def __init__(self, text: str, root: Node) -> None:
        self.text = text
        self.newline = "\r\n" if "\r\n" in text else "\n"
        self.compact = bool(root.children) and "\n" not in text[root.start : root.end]
        self.step = (self.own_line(root.begins[0]) if root.begins else None) or "  "

    def own_line(self, at: int) -> str | None:
        """The white space in front of a place that begins its line; None where it does not begin one."""
        before = self.text[self.text.rfind("\n", 0, at) + 1 : at]
        return before if before.strip(" \t") == "" and "\n" in self.text[:at] else None

    def indentation(self, at: int) -> str:
        """The white space that the line of a place begins with."""
        line = self.text[self.text.rfind("\n", 0, at) + 1 : at].lstrip("\ufeff")
        return line[: len(line) - len(line.lstrip(" \t"))]

    def render(self, value: Any, indentation: str) -> str:
        """A value whose further lines begin with `indentation`."""
        if self.compact:
            return json.dumps(value, ensure_ascii=False)
        lines = json.dumps(value, ensure_ascii=False, indent=self.step).split("\n")
        return (self.newline + indentation).join(lines)


def _insert(text: str, root: Node, into: Node, label: str, value: Any) -> str:
    """The text with a further child at the end of an object or list."""
    layout = _Layout(text, root)
    close = into.end - 1
    after = "," if into.comma else ""
    if layout.compact:
        at = into.comma or (into.children[-1][1].end if into.children else close)
        between = ("" if into.comma else ",") + " " if into.children else ""
        return f"{text[:at]}{between}{label}{layout.render(value, '')}{after}{text[at:]}"
    base = layout.indentation(into.start)
    first = layout.own_line(into.begins[0]) if into.begins else None
    indent = base + layout.step if first is None else first
    piece = f"{layout.newline}{indent}{label}{layout.render(value, indent)}{after}"
    # Behind the last comment, which may be about the last member, and in front of the closing bracket.
    tail = len(text[:close].rstrip(" \t\r\n"))
    rest = text[tail:] if "\n" in text[tail:close] else f"{layout.newline}{base}{text[close:]}"
    if not into.children or into.comma:
        return text[:tail] + piece + rest
    comma_at = into.children[-1][1].end
    return f"{text[:comma_at]},{text[comma_at:tail]}{piece}{rest}"
