"""A tool as documents for the index: one for each operation, or one for a tool of one purpose."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from skerry.local.models.request import ToolSpec
from skerry.local.models.router import words
from skerry.local.models.router.operations import Operation, argument, operations, subject
from skerry.local.models.router.schema import choices, properties
from skerry.wire.tool_names import SEPARATOR, own_name

NAME, OPERATION, SUMMARY, SUBJECT, PROPERTY, CHOICE, ABOUT, TARGET = 3.0, 3.0, 1.0, 1.0, 0.7, 0.7, 0.3, 1.0
MARK = 2.0

_MARK = re.compile(r"(?<![\w-])([a-z]{1,6})-(?:…|\.\.\.|\[|(?=[0-9a-z]*\d)[0-9a-z]{6,})")
_PLAIN = words.table("operation operations get set")


@dataclass(frozen=True, slots=True)
class Document:
    """What is known of one operation of a tool; `operation` is None for a tool of one purpose.

    `counts` are the weights of its stems; `named` are the stems of the names of tool and operation, `own`
    those of its own name, `pairs` neighbours in them, `shown` those in a name or the first sentence about it.
    `plain` are the words of its name, `deed` is the family of the verb that its description begins with, and
    `special` says of each stem of its own how much it tells the tool's operations apart.
    """

    tool: ToolSpec
    operation: Operation | None
    counts: Mapping[str, float]
    named: frozenset[str]
    own: frozenset[str]
    shown: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    reads: bool
    plain: tuple[str, ...]
    deed: str
    special: Mapping[str, float]
    first: bool = False
    length: float = field(default=0.0)


def bare(name: str) -> str:
    """The tool's own name without the target's: `aws___get_time` is `get_time`."""
    return own_name(name) or name


def documents(tool: ToolSpec, shared: frozenset[str] = frozenset()) -> list[Document]:
    """The documents of a tool, without the properties that are `shared` by many tools."""
    found = operations(tool.description, tool.schema)
    chooser = argument(tool.schema)
    props = {
        name: prop for name, prop in properties(tool.schema).items() if name != chooser and name not in shared
    }
    about = {name: _property(name, prop) for name, prop in props.items()}
    general: dict[str, float] = {}
    _add(general, _stems(words.split(bare(tool.name))), NAME)
    _add(general, _stems(words.split(tool.name.rpartition(SEPARATOR)[0])), TARGET)
    _add(general, _content(subject(tool.description)), SUBJECT)
    if not found:
        for counts in about.values():
            _merge(general, counts)
        return [_document(tool, None, general, words.split(bare(tool.name)))]
    result: list[Document] = []
    for operation in found:
        counts = dict(general)
        _add(counts, _stems(words.split(operation.name)), OPERATION)
        _add(counts, _content(operation.summary), SUMMARY)
        for name in (*operation.needs, *operation.takes):
            _merge(counts, about.get(name, {}))
        result.append(_document(tool, operation, counts, words.split(operation.name), first=not result))
    many = Counter(stem for document in result for stem in document.own)
    return [
        replace(document, special={stem: many[stem] ** -0.5 for stem in document.own}) for document in result
    ]


def _document(
    tool: ToolSpec,
    operation: Operation | None,
    counts: Mapping[str, float],
    name: list[str],
    *,
    first: bool = False,
) -> Document:
    skipped = words.READ | words.STOP | _PLAIN
    nouns = [words.stem(word) for word in name if word not in skipped and not word.endswith("ly")]
    own = [word for word in words.split(bare(tool.name)) if word not in skipped]
    stems = [words.stem(word) for word in own]
    about = (operation.summary if operation else tool.description).split(".")[0]
    named = frozenset(stem for stem in [*nouns, *stems] if stem)
    return Document(
        tool,
        operation,
        counts,
        named,
        frozenset(nouns),
        named | frozenset(_content(about)),
        frozenset(pairwise(nouns)) | frozenset(pairwise(stems)),
        not name or name[0] in words.READ or not words.family(name[0]),
        tuple(name),
        next((words.family(word) for word in words.words(tool.description)[:1]), "") or "none",
        dict.fromkeys(nouns, 1.0),
        first,
        sum(counts.values()),
    )


def _property(name: str, prop: Mapping[str, Any]) -> dict[str, float]:
    """The words of a property; where values have a mark in front, such as `i-`, that too."""
    counts: dict[str, float] = {}
    told = str(prop.get("description", ""))
    _add(counts, _stems(words.split(name)), PROPERTY)
    for choice in choices(prop):
        _add(counts, _stems(words.split(str(choice))), CHOICE)
    if not choices(prop):
        _add(
            counts,
            set(_content(re.sub(r"\b(?:Needed|Only|Also) for [\w, ]+\.|such as \S+", "", told))),
            ABOUT,
        )
    _add(counts, marks(prop), MARK)
    return counts


def marks(prop: Mapping[str, Any]) -> frozenset[str]:
    """What identifiers of a property begin with, such as `i-`, as its description and pattern say."""
    told = f"{prop.get('description', '')} {str(prop.get('pattern', '')).lstrip('^(')}"
    return frozenset(f"{match}-" for match in _MARK.findall(told))


def _stems(found: Iterable[str]) -> list[str]:
    skipped = words.READ | words.STOP | _PLAIN
    return [words.stem(word) for word in found if word not in skipped]


def _content(text: str) -> list[str]:
    return [stem for _, stem in words.content(text)]


def _add(counts: dict[str, float], found: Iterable[str], weight: float) -> None:
    for stem in found:
        counts[stem] = counts.get(stem, 0.0) + weight


def _merge(counts: dict[str, float], more: Mapping[str, float]) -> None:
    for stem, weight in more.items():
        counts[stem] = counts.get(stem, 0.0) + weight
