"""Which tool, and which operation of it, do the words of a question fit: BM25 with fields.

Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), BM25F. A
document is an operation of a tool, or a tool of one purpose; how rare a word is counts in tools. All choices
are relative to the other tools, because absolute scores move with their number.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

from skerry.local.models.request import ToolSpec
from skerry.local.models.router import words
from skerry.local.models.router.documents import Document, bare, documents
from skerry.local.models.router.question import Concept
from skerry.local.models.router.wanted import Plan

__all__ = ["Index", "Match", "bare"]

K1 = 1.2
B = 0.4
PHRASE = 0.6
"""What two neighbours of a name add when they are neighbours in the question, as a share of their weight."""
SIMILAR = 0.6
"""What a word counts that is only like a word of a tool."""
PREFIX = 6
MORE = 0.3
"""What the second name of a thing adds where a tool has both."""
MANY = 5


@dataclass(frozen=True, slots=True)
class Match:
    """How well a document fits.

    `found` are the words of the question found in it, `named` the words of its name that were said.
    """

    document: Document
    score: float
    found: frozenset[str]
    named: frozenset[str]

    @property
    def tool(self) -> ToolSpec:
        """The tool of the document."""
        return self.document.tool


class Index:
    """The tools of one request, ready to be ranked."""

    def __init__(self, tools: Sequence[ToolSpec]) -> None:
        self.tools = tools
        shared = _shared(tools)
        self.documents = [document for tool in tools for document in documents(tool, shared)]
        self._vocabulary: dict[str, set[str]] = defaultdict(set)
        for document in self.documents:
            self._vocabulary[bare(document.tool.name)].update(document.counts)
        self._plans: dict[str, Plan] = {}
        self._postings: dict[str, list[int]] = defaultdict(list)
        having: dict[str, set[str]] = defaultdict(set)
        for place, document in enumerate(self.documents):
            for stem in document.counts:
                self._postings[stem].append(place)
                having[stem].add(document.tool.name)
        self._frequencies = {stem: len(names) for stem, names in having.items()}
        lengths = [document.length for document in self.documents]
        self._average = sum(lengths) / max(1, len(lengths)) or 1.0
        self._sorted = sorted(self._postings)
        self.nouns = frozenset(stem for document in self.documents for stem in document.named)
        self._sorted_nouns = sorted(self.nouns)
        self.compounds = frozenset(
            pair for document in self.documents if document.reads for pair in document.pairs
        )

    def __contains__(self, stem: str) -> bool:
        return stem in self._postings

    def plan(self, tool: ToolSpec) -> Plan:
        """The properties of a tool, read once."""
        if tool.name not in self._plans:
            self._plans[tool.name] = Plan(tool.schema)
        return self._plans[tool.name]

    def common(self, tool: str, word: str) -> bool:
        """Whether a word names nothing of a tool: the tool speaks of it, or some tool is named so."""
        stem = words.stem(word)
        return stem in self.nouns or stem in self._vocabulary.get(tool, ())

    def weight(self, stem: str) -> float:
        """Inverse document frequency, always positive; a word of no tool weighs the most."""
        count = self._frequencies.get(stem, 0)
        return math.log(1 + (len(self.tools) - count + 0.5) / (count + 0.5))

    def similar(self, stem: str) -> str:
        """A word that begins like `stem`, of names only where some tool has `stem` itself; or nothing."""
        if len(stem) < PREFIX - 1 or not stem.isalpha() or stem in self.nouns:
            return ""
        among = self._sorted_nouns if stem in self._postings else self._sorted
        best, length = "", 0
        low = bisect_left(among, stem[:4])
        while low < len(among) and among[low].startswith(stem[:4]):
            other = among[low]
            common = sum(
                1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(stem, other, strict=False))
            )
            if common > length and (common >= PREFIX or common / max(len(stem), len(other)) >= 0.7):
                best, length = other, common
            low += 1
        return best

    def rank(self, concepts: Sequence[Concept]) -> list[Match]:
        """The best document of each tool that has a word of the question, best first; ties keep the order."""
        best: dict[str, Match] = {}
        for match in self.matches(concepts):
            known = best.get(match.tool.name)
            if known is None or match.score > known.score:
                best[match.tool.name] = match
        return sorted(best.values(), key=lambda match: -match.score)

    def matches(self, concepts: Sequence[Concept]) -> Iterator[Match]:
        """Every document that has a word of the question."""
        scores: dict[int, float] = defaultdict(float)
        found: dict[int, set[str]] = defaultdict(set)
        named: dict[int, set[str]] = defaultdict(set)
        for concept in concepts:
            for place, (value, names) in self._scores(concept).items():
                scores[place] += value
                found[place].add(concept.stem)
                named[place] |= names
        self._add_phrases(concepts, scores, named)
        for place in sorted(scores):
            document = self.documents[place]
            yield Match(document, scores[place], frozenset(found[place]), frozenset(named[place]))

    def _scores(self, concept: Concept) -> dict[int, tuple[float, frozenset[str]]]:
        """The best score of the concept's words in each document, and those in its name."""
        best: dict[int, tuple[float, frozenset[str]]] = {}
        for stem, share in concept.stems.items():
            factor = share * concept.weight * self.weight(stem)
            for place in self._postings.get(stem, ()):
                document = self.documents[place]
                count = document.counts[stem]
                norm = 1 - B + B * document.length / self._average
                value = factor * count * (K1 + 1) / (count + K1 * norm)
                known, names = best.get(place, (0.0, frozenset()))
                best[place] = (
                    max(known, value) + MORE * min(known, value),
                    names | {stem} if stem in document.named else names,
                )
        return best

    def _add_phrases(
        self, concepts: Sequence[Concept], scores: dict[int, float], named: dict[int, set[str]]
    ) -> None:
        for first, second in pairwise(concepts):
            if not second.follows:
                continue
            value = PHRASE * (self.weight(first.stem) + self.weight(second.stem)) * second.weight
            for place, names in named.items():
                if second.stem in names and (first.stem, second.stem) in self.documents[place].pairs:
                    scores[place] += value


def _shared(tools: Sequence[ToolSpec]) -> frozenset[str]:
    """Names of properties that many tools describe alike, so that they tell none apart."""
    told = Counter(
        (name, str(prop.get("description", "")))
        for tool in tools
        for name, prop in (tool.schema.get("properties") or {}).items()
        if isinstance(prop, Mapping)
    )
    return frozenset(name for (name, _), count in told.items() if count >= max(MANY, len(tools) / 4))
