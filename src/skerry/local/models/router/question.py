"""What a question speaks of: its words with their other names and how much each counts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from skerry.local.models.router import lexicon, words
from skerry.local.models.router.sentence import Form

HEAD, PLAIN, CONTEXT = 1.5, 1.0, 0.75
OTHER_NAME = 0.75
SIMILAR = 0.6

# Spans that are values, not words about what is wanted.
VALUES = re.compile(
    r"""[\w.+-]+@[\w-]+\.[\w.-]+ | https?://\S+ | "[^"]*" | `[^`]*` | \u201c[^\u201d]*\u201d
    | (?<!\w)'[^']*'(?!\w)
    | \b[a-z]{2}(?:-gov)?-[a-z]+-\d\b | (?<==)\S+ | \barn:\S+ | \b[A-Z][a-z]+/[A-Z]\w+
    | (?<!\S)/[\w./-]+ | \b(?:[\w-]+\.)+(?:com|org|net|example|io|dev|internal)\b
    | \b[\w-]*\d[\w-]*-[\w-]*\b | \b[a-z]{1,6}-[\w-]*\d[\w-]*\b | \b\d[\d.,]*\b | \b[\w.]*\d\.\d[\w.]*""",
    re.VERBOSE,
)
_MARKED = re.compile(r"(?<![\w-])([a-z]{1,6}-)(?=[A-Za-z0-9]*\d|[A-Za-z0-9]{8})[A-Za-z0-9]{3,}(?![\w])")
_FUTURE = re.compile(
    r"\bwill\b(?! you)|\b(?:next|coming) (?:\d+ )?(?:day|week|month|quarter|year)s?\b", re.IGNORECASE
)
_PHRASE = re.compile(rf"\b(?:{'|'.join(lexicon.PHRASES)})", re.IGNORECASE)
_VALUE = "\u2022"
_CONTEXT = words.table("in of from for with on at by per to over during against about into as")


@dataclass(frozen=True, slots=True)
class Concept:
    """A word of the question: its stem, the stems it may have in a tool with a share each, and its weight.

    `follows` says that it stands right behind the concept before it.
    """

    word: str
    stem: str
    stems: Mapping[str, float]
    weight: float = PLAIN
    follows: bool = False


def concepts(
    text: str, form: Form, known: Callable[[str], bool], similar: Callable[[str], str]
) -> list[Concept]:
    """The concepts of a question, in order, each once. `known` and `similar` ask the words of the tools."""
    found: dict[str, Concept] = {}
    head = set(form.head)
    context = previous = False
    plain = VALUES.sub(" \u2022 ", _PHRASE.sub(lambda match: lexicon.PHRASES[match[0].lower()], text))
    for token in re.findall(
        r"[A-Za-z0-9]+(?:'[a-z]+)?|\u2022", plain.replace("_", " ").replace("\u2019", "'")
    ):
        word = token.lower()
        if word in _CONTEXT:
            context, previous = True, False
            continue
        if token == _VALUE or word in words.STOP or word in words.READ or word in words.NEUTRAL:
            previous = False
            continue
        word = word.removesuffix("'s")
        stem = words.stem(word)
        weight = HEAD if word in head else CONTEXT if context else PLAIN
        if stem not in found:
            stems = _stems(word, stem, similar)
            if any(map(known, stems)) or token.islower() or word in head or not found:
                found[stem] = Concept(word, stem, stems, weight, previous)
        if previous and found:
            _join(found, stem, known)
        previous = True
    if _FUTURE.search(text) and known("forecast"):
        found.setdefault("forecast", Concept("forecast", "forecast", {"forecast": 1.0}))
    for mark in _MARKED.findall(text):
        if known(mark) and mark not in found:
            found[mark] = Concept(mark, mark, {mark: 1.0}, PLAIN)
    return list(found.values())


def _join(found: dict[str, Concept], stem: str, known: Callable[[str], bool]) -> None:
    """Lets two neighbours also be found as one word: `node groups` as `nodegroup`."""
    first, second = found.get(list(found)[-2]) if len(found) > 1 else None, found.get(stem)
    joined = f"{first.word}{stem}" if first else ""
    if first and second and known(joined):
        found[first.stem] = replace(first, stems={**first.stems, joined: 1.0})
        found[second.stem] = replace(second, stems={**second.stems, joined: 1.0})


def _stems(word: str, stem: str, similar: Callable[[str], str]) -> dict[str, float]:
    stems = {stem: 1.0}
    for other in lexicon.SYNONYMS.get(word, ()):
        stems.setdefault(words.stem(other), OTHER_NAME)
    near = similar(stem)
    if near:
        stems.setdefault(near, SIMILAR)
    return stems


def covered(found: Sequence[Concept], stems: frozenset[str], taken: frozenset[str] = frozenset()) -> float:
    """The share of a question's words that were found; those `taken` as values are no words of it."""
    counted = [item for item in found if item.stem in stems or item.word not in taken]
    return sum(item.stem in stems for item in counted) / len(counted) if counted else 0.0
