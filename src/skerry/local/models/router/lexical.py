"""Which tool do the words of a question fit: BM25 over names, descriptions, properties and choices.

Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009). All decisions
are relative to the other tools, because absolute scores move with their number.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skerry.local.models.request import ToolSpec
from skerry.local.models.router import words
from skerry.local.models.router.schema import choices, properties

K1 = 1.2
B = 0.75
NAME_WEIGHT = 3.0
SEPARATOR = "___"

# Spans that are values, not words about what is wanted.
VALUES = re.compile(
    r"""[\w.+-]+@[\w-]+\.[\w.-]+ | https?://\S+ | "[^"]*" | `[^`]*` | \b[a-z]{2}-[a-z]+-\d\b | \b\w+=\S+
    | \barn:\S+ | \b[A-Z][a-z]+/[A-Z]\w+ | \b[\w-]*\d[\w-]*-[\w-]*\b | \b\d[\d.,]*\b""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Match:
    """How well a tool fits: its BM25 score, the stems found in it, and those in its name or choices."""

    tool: ToolSpec
    score: float
    found: frozenset[str]
    named: frozenset[str]


def bare(name: str) -> str:
    """The tool's own name without the target's: `aws___get_time` is `get_time`."""
    return name.rpartition(SEPARATOR)[2] or name


class Index:
    """The tools of one request, ready to be ranked."""

    def __init__(self, tools: Sequence[ToolSpec]) -> None:
        self.tools = tools
        self._names = [_stems(bare(tool.name)) for tool in tools]
        self._choices = [_choice_stems(tool.schema) for tool in tools]
        self._counts = [
            _document(tool, name, options)
            for tool, name, options in zip(tools, self._names, self._choices, strict=True)
        ]
        self._lengths = [sum(counts.values()) for counts in self._counts]
        self._average = sum(self._lengths) / max(1, len(tools)) or 1.0
        self._documents = Counter(word for counts in self._counts for word in counts)

    def weight(self, word: str) -> float:
        """Inverse document frequency, always positive."""
        count = self._documents[word]
        return math.log(1 + (len(self.tools) - count + 0.5) / (count + 0.5))

    def rank(self, question: Sequence[str]) -> list[Match]:
        """Tools with at least one word of the question, best first; equal scores keep the caller's order."""
        wanted = dict.fromkeys(question)
        matches = []
        for place, tool in enumerate(self.tools):
            counts = self._counts[place]
            found = frozenset(word for word in wanted if word in counts)
            if found:
                named = found & (self._names[place] | self._choices[place])
                score = sum(self._term(word, place) for word in wanted if word in found)
                matches.append(Match(tool, score, found, named))
        return sorted(matches, key=lambda match: -match.score)

    def _term(self, word: str, place: int) -> float:
        count = self._counts[place][word]
        norm = 1 - B + B * self._lengths[place] / self._average
        return self.weight(word) * count * (K1 + 1) / (count + K1 * norm)


def question_words(text: str) -> dict[str, str]:
    """The words of a question that speak of a tool, by stem; values such as numbers are left out."""
    return {stem: word for word, stem in reversed(list(words.content(VALUES.sub(" ", text))))}


def _stems(name: str) -> frozenset[str]:
    return frozenset(words.stem(word) for word in words.split(name) if word not in words.STOP)


def _choice_stems(schema: Mapping[str, Any]) -> frozenset[str]:
    stems: set[str] = set()
    for prop in properties(schema).values():
        for choice in choices(prop):
            stems.update(
                words.stem(word) for word in words.split(str(choice)) if word not in words.READ | words.STOP
            )
    return frozenset(stems)


def _document(tool: ToolSpec, name: frozenset[str], options: frozenset[str]) -> Mapping[str, float]:
    counts: dict[str, float] = {}

    def add(found: Sequence[str] | frozenset[str], weight: float) -> None:
        for word in found:
            if word not in words.READ:
                counts[word] = counts.get(word, 0.0) + weight

    target = tool.name.rpartition(SEPARATOR)[0]
    add(name, NAME_WEIGHT)
    add(_stems(target), 1.0)
    add([stem for _, stem in words.content(tool.description)], 1.0)
    for prop in properties(tool.schema):
        add(_stems(prop), 1.0)
    add(options, 1.0)
    return counts
