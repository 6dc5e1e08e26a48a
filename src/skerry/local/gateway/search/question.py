"""What a question asks for: its words that carry meaning, each with others that would do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from skerry.local.gateway.search import thesaurus
from skerry.local.words import split, stem, table

MAX_WORDS = 40
"""Words of a question that are looked for: a longer one is a text, whose beginning says what it is about."""

_STOP = table(
    """a about all also am an and any are as at be been but by can could did do does doing done for from
    had has have he her hers him his how i if in into is it its just let like me mine more most much my
    need no not now of off on once one only or other our ours out over own please she should so some such
    than thank thanks that the their them then there these they thing things this those to too tool tools
    up us used very want was we were what when where which while who whom whose why will with would you
    your yours hi hey ok okay kindly somebody everybody someone everyone something again s t re ve ll"""
)


@dataclass(frozen=True, slots=True)
class Concept:
    """One word of a question: the stems that stand for it, each with its share, and what it weighs."""

    words: Mapping[str, float]
    weight: float
    actions: frozenset[str] = frozenset()


def concepts(question: str, known: Callable[[str], bool], similar: Callable[[str], str]) -> list[Concept]:
    """The concepts of a question, in order.

    `known` tells whether a stem is in the index, `similar` gives the indexed stem that a misspelt one
    probably was, or nothing. A question of nothing but stop words is taken as it is.
    """
    said = split(question)
    told = [word for word in said if word not in _STOP] or said
    found: dict[str, Concept] = {}
    for word in told[:MAX_WORDS]:
        base = stem(word)
        if base in found:
            continue
        same = dict(thesaurus.same(base))
        if not known(base) and not any(map(known, same)) and (meant := similar(base)):
            same |= {meant: 0.8}
        found[base] = Concept({**same, base: 1.0}, thesaurus.weight(base), thesaurus.actions(base))
    return list(found.values())
