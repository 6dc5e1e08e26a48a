"""An index of tools by the words that name and describe them: BM25 over weighted fields.

Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), BM25F. AWS
ranks with embeddings of a model; here there is no model, so words that mean the same (`thesaurus`) and words
that look alike stand in for it.

Tools are indexed in segments, one for each listing of a target, so that a target that changes has only its
own tools read again. A question is answered from arrays of numbers: no tool is looked at that has none of
its words.
"""

from __future__ import annotations

import heapq
import math
from array import array
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches

from skerry.local.gateway.search import thesaurus
from skerry.local.gateway.search.question import Concept, concepts
from skerry.local.gateway.tools import Item
from skerry.local.words import split, stem, words
from skerry.wire.tool_names import SEPARATOR

K1 = 1.2
B = 0.35
NAME, TARGET, DESCRIPTION, FIRST, PARAMETER, PARAMETER_TEXT = 4.0, 2.0, 1.0, 1.5, 0.6, 0.3
"""What one word counts by where it stands; FIRST is the first sentence of a description."""
FIRST_WORDS = 16
MORE_WORDS = 120
"""Words of a description that are read, and those that count as its beginning."""
TYPICAL = 45.0
"""The weighted length of a usual tool; the average of each catalogue would move scores between segments."""
CANDIDATES = 200
"""Tools whose names are looked at word by word."""
COVERED = 1.2
"""What a tool gains whose name was said whole, as a share of its score."""
SAME_ACTION, OTHER_ACTION = 1.25, 0.6
"""What the score is multiplied with by whether the tool does what is asked for."""

BEGINNING, ALIKE = 2, 0.8
"""Letters that a misspelt word has right, and how alike it must be (`difflib`)."""
READ = frozenset({"read"})
Permitted = Callable[[Item], bool]


class Segment:
    """The tools of one listing; `postings` are places and weights by stem."""

    def __init__(self, items: Iterable[Item]) -> None:
        self.items = list(items)
        self.postings: dict[str, tuple[array[int], array[float]]] = {}
        self.names: list[tuple[str, ...]] = []
        for place, item in enumerate(self.items):
            counts = _counts(item)
            self.names.append(tuple(_stems(split(item.name))))
            norm = K1 * (1 - B + B * sum(counts.values()) / TYPICAL)
            for word, count in counts.items():
                known = self.postings.get(word)
                if known is None:
                    known = self.postings[word] = (array("H"), array("f"))
                known[0].append(place)
                known[1].append(count * (K1 + 1) / (count + norm))


class Index:
    """Several segments as one; cheap to make anew when one of them is replaced."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = segments
        self._bases: list[int] = []
        size = 0
        for segment in segments:
            self._bases.append(size)
            size += len(segment.items)
        self.size = size
        self._frequencies: dict[str, int] = {}
        self._beginnings: dict[str, set[str]] | None = None

    def __contains__(self, word: str) -> bool:
        return any(word in segment.postings for segment in self._segments)

    def similar(self, word: str) -> str:
        """The stem of the index that a misspelt one probably is, or nothing."""
        if self._beginnings is None:
            self._beginnings = defaultdict(set)
            for segment in self._segments:
                for each in segment.postings:
                    self._beginnings[each[:BEGINNING]].add(each)
        near = sorted(each for each in self._beginnings.get(word[:BEGINNING], ()) if len(each) > BEGINNING)
        return next(iter(get_close_matches(word, near, n=1, cutoff=ALIKE)), "")

    def search(self, question: str, limit: int, permitted: Permitted) -> list[Item]:
        """The best `limit` of the tools that are `permitted`, best first; fewer when fewer have its words."""
        asked = concepts(question, self.__contains__, self.similar)
        scores = self._scores(asked)
        ranked = self._by_name(asked, {place: scores[place] for place in self._best(scores, permitted)})
        return [self._item(place) for place in heapq.nlargest(limit, ranked, key=ranked.__getitem__)]

    def _best(self, scores: Mapping[int, float], permitted: Permitted) -> list[int]:
        """The permitted tools with the highest scores, CANDIDATES at most."""
        found: list[int] = []
        taken, ask = 0, CANDIDATES
        while len(found) < CANDIDATES and taken < len(scores):
            best = heapq.nlargest(ask, scores, key=scores.__getitem__)
            found += (place for place in best[taken:] if permitted(self._item(place)))
            taken, ask = len(best), 10 * ask
        return found[:CANDIDATES]

    def _scores(self, concepts: Sequence[Concept]) -> dict[int, float]:
        scores: dict[int, float] = {}
        for concept in concepts:
            best: dict[int, float] = {}
            for word, share in concept.words.items():
                factor = share * concept.weight * self._rarity(word)
                for base, segment in zip(self._bases, self._segments, strict=True):
                    posting = segment.postings.get(word)
                    if posting is None:
                        continue
                    for place, weight in zip(*posting, strict=True):
                        at, value = base + place, factor * weight
                        if value > best.get(at, 0.0):
                            best[at] = value
            for at, value in best.items():
                scores[at] = scores.get(at, 0.0) + value
        return scores

    def _by_name(self, concepts: Sequence[Concept], scores: Mapping[int, float]) -> dict[int, float]:
        """The scores anew, by how much of the names was asked for and by what the tools do."""
        said: dict[str, float] = {}
        for concept in concepts:
            for word, share in concept.words.items():
                said[word] = max(share, said.get(word, 0.0))
        asked = frozenset[str]().union(*(concept.actions for concept in concepts)) or READ
        found: dict[int, float] = {}
        for place, score in scores.items():
            segment, own = self._find(place)
            covered = total = 0.0
            does = frozenset[str]()
            for word in segment.names[own]:
                if not does and (actions := thesaurus.actions(word)):
                    does = actions
                    continue
                rarity = self._rarity(word)
                total += rarity
                covered += rarity * said.get(word, 0.0)
            factor = 1 + COVERED * (covered / total if total else 0.0)
            if does:
                factor *= SAME_ACTION if does & asked else OTHER_ACTION
            found[place] = score * factor
        return found

    def _rarity(self, word: str) -> float:
        """Inverse document frequency, always positive."""
        count = self._frequencies.get(word)
        if count is None:
            postings = (segment.postings.get(word) for segment in self._segments)
            count = self._frequencies[word] = sum(len(found[0]) for found in postings if found)
        return math.log(1 + (self.size - count + 0.5) / (count + 0.5))

    def _item(self, place: int) -> Item:
        segment, own = self._find(place)
        return segment.items[own]

    def _find(self, place: int) -> tuple[Segment, int]:
        number = bisect_right(self._bases, place) - 1
        return self._segments[number], place - self._bases[number]


def _counts(item: Item) -> Counter[str]:
    """The stems of a tool, each with what its places count."""
    counts: Counter[str] = Counter()
    described = words(str(item.definition.get("description", "")))
    _add(counts, split(item.name), NAME)
    _add(counts, split(item.public.partition(SEPARATOR)[0]), TARGET)
    _add(counts, described[:FIRST_WORDS], FIRST)
    _add(counts, described[FIRST_WORDS:MORE_WORDS], DESCRIPTION)
    properties = item.schema.get("properties")
    for name, schema in properties.items() if isinstance(properties, Mapping) else ():
        _add(counts, split(str(name)), PARAMETER)
        if isinstance(schema, Mapping):
            _add(counts, words(str(schema.get("description", "")))[:FIRST_WORDS], PARAMETER_TEXT)
    return counts


def _add(counts: Counter[str], found: Iterable[str], weight: float) -> None:
    for word in _stems(found):
        counts[word] += weight  # type: ignore[assignment]


def _stems(found: Iterable[str]) -> list[str]:
    return [stem(word.removesuffix("'s")) for word in found]
