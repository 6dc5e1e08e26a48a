"""What speaks for a match beside its words: the verb, the name, the number of a noun, and the arguments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from skerry.local.models.router import words
from skerry.local.models.router.arguments import Around, Filled, fill
from skerry.local.models.router.documents import Document, bare
from skerry.local.models.router.lexical import Index, Match
from skerry.local.models.router.question import Concept
from skerry.local.models.router.schema import required
from skerry.local.models.router.sentence import Form

FIRST = 1.12
"""What speaks for the first operation of a tool: it is what the tool is there for in the first place."""
UNUSED = 0.6
"""What speaks against a match for each value of the question that it has no use for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it was read."""

    text: str
    form: Form
    concepts: Sequence[Concept]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A match with the arguments that the question has for it; `score` counts these too."""

    match: Match
    filled: Filled
    score: float


def weighed(matches: Sequence[Match], asked: Asked, index: Index, around: Around) -> list[Candidate]:
    """The matches with what speaks for and against each beside its words, best first."""
    text, said, found = asked.text, asked.form, asked.concepts
    spoken = words.words(text)
    head = {stem for item in found if item.word in said.head for stem in item.stems}
    result = []
    for match in matches:
        document = match.document
        filled = fill(
            index.plan(match.tool),
            text,
            tool=bare(match.tool.name),
            operation=document.operation,
            around=around,
        )
        result.append(Candidate(match, filled, match.score * _factor(match, filled, said, spoken, head)))
    sure = {value for item in result for value in _values(item, item.filled.sure)}
    loose = {value for item in result for value in item.filled.unused} - sure
    adjusted = []
    for item in result:
        idle = (sure - _values(item, item.filled.sure)) | (loose - _values(item, item.filled.arguments))
        adjusted.append(replace(item, score=item.score * UNUSED ** min(2, len(idle))))
    return sorted(adjusted, key=lambda item: -item.score)


def _values(candidate: Candidate, names: Iterable[str]) -> set[str]:
    return {str(candidate.filled.arguments[name]) for name in names}


def _factor(match: Match, filled: Filled, said: Form, spoken: Sequence[str], said_stems: set[str]) -> float:
    """How much the verb, the name, the number of a noun and the arguments speak for a match."""
    document, factor = match.document, 1.0
    verbs = {words.stem(word) for word in document.plain}
    if said.intent == "write" and words.stem(said.verb) in verbs:
        factor *= 1.5
    elif said.intent == "write" and words.family(said.verb) == document.deed:
        factor *= 1.2
    own = document.own
    told = sum(document.special[stem] for stem in own & match.named)
    factor *= 0.7 + 0.35 * (told / sum(document.special.values()) if own else 0.5) + 0.3 * min(1.0, told)
    nouns = [word for word in document.plain if words.stem(word) in own]
    same = nouns and nouns[-1] in spoken
    other = nouns and not same and nouns[-1] not in spoken and words.stem(nouns[-1]) in match.named
    factor *= 1.1 if same else 0.92 if other else 1.0
    if said.intent == "read" and said.verb in document.plain:
        factor *= 1.1
    if own & said_stems:
        factor *= 1.15
    one = same and re.search(rf"\b(?:the|that|this|one) {nouns[-1]}\b", " ".join(spoken))
    exactly = same and (said.verb in document.plain[:1] or one)
    if filled.missing:
        factor *= 1.0 if exactly else 0.8
    elif filled.sure:
        factor *= 1.35
    if any(name in filled.arguments and name not in filled.sure for name in _needs(document)):
        factor *= 0.85
    plain = [word for word in document.plain if word not in words.READ]
    factor *= 1 + 0.1 * (sum(word in spoken for word in plain) / len(plain) if plain else 0.0)
    if document.first:
        factor *= FIRST
    return factor * (1 + 0.05 * min(3, len(filled.arguments)))


def _needs(document: Document) -> Sequence[str]:
    """What a document needs besides its operation."""
    return document.operation.needs if document.operation else required(document.tool.schema)
