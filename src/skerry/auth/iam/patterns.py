"""Texts of a policy that stand for others: `*`, `?` and `${…}`.

    *                    any number of characters, of `/` and `:` too
    ?                    one character
    ${aws:username}      the value of a key of the request; ${aws:username, 'nobody'} with a default
    ${*} ${?} ${$}       the character itself

What a variable stands for is taken literally: a `*` in a user's name is no wildcard. A pattern with a
variable that the request does not have matches nothing.

Source: IAM user guide, "Policy elements: Variables and tags", "Wildcards in resource ARNs".
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Context = Mapping[str, Sequence[str]]
"""The keys of a request in lower case, with their values."""

_ASCII_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_TOKEN = re.compile(r"\$\{([^{}]*)\}|([*?])")
_VARIABLE = re.compile(r"\s*([^,\s]+)\s*(?:,\s*'([^']*)'\s*)?")
_LITERAL = frozenset("*?$")
_SOMETHING = "\0" * 2048
"""Stands for whatever may be at the end of a text, longer than any row of question marks."""

_ANY, _ONE = 1, 2
_Atom = str | int
"""A piece of a pattern: literal text, `_ANY` for `*` or `_ONE` for `?`."""


def lower(text: str) -> str:
    """ASCII letters in lower case, all others as they are: U+212A is no k to AWS."""
    return text.lower() if text.isascii() else text.translate(_ASCII_LOWER)


@dataclass(frozen=True, slots=True)
class _Variable:
    """A `${…}`; `default` is None when there is none."""

    key: str
    default: str | None

    def value(self, context: Context) -> str | None:
        """What it stands for. A key with several values has none."""
        found = context.get(self.key, ())
        return found[0] if len(found) == 1 else self.default


class Pattern:
    """A text of a policy, split once.

    `wild` tells whether `*` and `?` are wildcards, `fold` whether the case of ASCII letters counts for
    nothing, `variables` whether `${…}` stands for a value.
    """

    __slots__ = ("_fold", "_glob", "_parts", "text")

    def __init__(self, text: str, *, wild: bool = True, fold: bool = False, variables: bool = True) -> None:
        self.text = text
        self._fold = fold
        self._parts = _split(text, wild=wild, variables=variables)
        known = not any(isinstance(part, _Variable) for part in self._parts)
        self._glob = self._resolved({}) if known else None

    def matches(self, text: str, context: Context) -> bool:
        """Whether the pattern stands for the whole of `text`."""
        glob = self._glob or self._resolved(context)
        return glob is not None and glob.matches(lower(text) if self._fold else text)

    def covers(self, text: str, context: Context) -> bool:
        """Whether it stands for everything that `text` may be.

        A `*` at its end is whatever may be there, a `?` there is some character.
        """
        stem = text.rstrip("?")
        if text.endswith("*"):
            return self.matches(text[:-1] + _SOMETHING, context)
        return self.matches(stem + "\0" * (len(text) - len(stem)), context)

    def meets(self, text: str, context: Context) -> bool:
        """Whether it may stand for something that `text` may be; rather yes than no."""
        if not text.endswith(("*", "?")):
            return self.matches(text, context)
        glob = self._glob or self._resolved(context)
        stem = text[:-1] if text.endswith("*") else text.rstrip("?")
        stem = lower(stem) if self._fold else stem
        if glob is None:
            return False
        if glob.literal and text.endswith("?") and len(glob.head) != len(text):
            return False
        return glob.head.startswith(stem) or (not glob.literal and stem.startswith(glob.head))

    def resolved(self, context: Context) -> str | None:
        """The text with values for variables; None when one has none. For patterns without wildcards."""
        values = [part.value(context) if isinstance(part, _Variable) else part for part in self._parts]
        return None if None in values else "".join(str(value) for value in values)

    def _resolved(self, context: Context) -> Glob | None:
        atoms: list[_Atom] = []
        for part in self._parts:
            value = part.value(context) if isinstance(part, _Variable) else part
            if value is None:
                return None
            atoms.append(lower(value) if self._fold and isinstance(value, str) else value)
        return Glob(atoms)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"


class Glob:
    """Literal pieces between stars: found from left to right, so that no pattern takes long.

    `head` is the text before the first wildcard, `literal` whether there is none.
    """

    __slots__ = ("_pieces", "_stars", "head", "literal")

    def __init__(self, atoms: Sequence[_Atom]) -> None:
        texts = list(itertools.takewhile(lambda atom: isinstance(atom, str), atoms))
        self.head = "".join(str(text) for text in texts)
        self.literal = len(texts) == len(atoms)
        pieces: list[list[_Atom]] = [[]]
        for atom in atoms:
            if atom == _ANY:
                pieces.append([])
            else:
                pieces[-1].append(atom)
        self._stars = len(pieces) > 1
        self._pieces = [_Piece(piece) for piece in pieces]

    def matches(self, text: str) -> bool:
        """Whether it stands for the whole of `text`."""
        first, last = self._pieces[0], self._pieces[-1]
        if not self._stars:
            return len(text) == first.size and first.at(text, 0)
        end = len(text) - last.size
        if end < first.size or not first.at(text, 0) or not last.at(text, end):
            return False
        position = first.size
        for piece in self._pieces[1:-1]:
            found = piece.find(text, position, end)
            if found < 0:
                return False
            position = found + piece.size
        return True


class _Piece:
    """What stands between two stars: texts at fixed distances."""

    __slots__ = ("_texts", "_whole", "size")

    def __init__(self, atoms: Sequence[_Atom]) -> None:
        texts: list[tuple[int, str]] = []
        size = 0
        for atom in atoms:
            if isinstance(atom, str):
                texts.append((size, atom))
                size += len(atom)
            else:
                size += 1
        self.size = size
        self._texts = texts
        self._whole = "".join(text for _, text in texts) if sum(len(t) for _, t in texts) == size else None

    def at(self, text: str, position: int) -> bool:
        return all(text.startswith(piece, position + offset) for offset, piece in self._texts)

    def find(self, text: str, start: int, end: int) -> int:
        if self._whole is not None:
            return text.find(self._whole, start, end)
        return next((place for place in range(start, end - self.size + 1) if self.at(text, place)), -1)


def _split(text: str, *, wild: bool, variables: bool) -> list[_Atom | _Variable]:
    parts: list[_Atom | _Variable] = []
    position = 0
    for token in _TOKEN.finditer(text):
        name, sign = token[1], token[2]
        part: _Atom | _Variable
        if sign is not None:
            if not wild:
                continue
            part = _ANY if sign == "*" else _ONE
        elif not variables:
            continue
        elif name in _LITERAL:
            part = name
        else:
            found = _VARIABLE.fullmatch(name)
            part = _Variable(lower(found[1]), found[2]) if found else token[0]
        if token.start() > position:
            parts.append(text[position : token.start()])
        parts.append(part)
        position = token.end()
    if position < len(text):
        parts.append(text[position:])
    return parts


class ArnPattern:
    """An ARN of an Arn condition: each of its six parts is compared by itself, the last may hold colons."""

    __slots__ = ("_parts",)

    def __init__(self, text: str, *, variables: bool = True) -> None:
        self._parts = [Pattern(part, variables=variables) for part in _arn_parts(text)]

    def matches(self, text: str, context: Context) -> bool:
        """Whether it stands for the ARN `text`. What is not an ARN matches only the pattern `*`."""
        given = text.split(":", 5)
        if len(self._parts) == 1:
            return self._parts[0].text == "*" or self._parts[0].matches(text, context)
        if len(given) != len(self._parts):
            return False
        return all(part.matches(value, context) for part, value in zip(self._parts, given, strict=True))


def _arn_parts(text: str) -> list[str]:
    """The text at its first five colons; those of a `${aws:…}` do not count."""
    parts = [""]
    inside = False
    for place, character in enumerate(text):
        if text.startswith("${", place):
            inside = True
        elif character == "}":
            inside = False
        if character == ":" and not inside and len(parts) < 6:
            parts.append("")
        else:
            parts[-1] += character
    return parts
