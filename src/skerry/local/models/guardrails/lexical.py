"""What is found by words alone: banned words, topics, and how much of a text stands in another.

A topic of Bedrock is judged by a language model. Here a sentence is about a topic when it holds every word
of the topic's name, or most of the words of one of its examples, or half of those of its definition. What
says the same in other words is not found, and what denies it in the same words is.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence

from skerry.local.models.guardrails.rules import Topic
from skerry.local.models.router.words import STOP, stem, words

PROFANITY = ("arsehole", "asshole", "bastard", "bitch", "bullshit", "crap", "damn", "fuck", "fucking", "shit")
"""The managed list: a few words of English, so that the policy can be tried. It is not AWS's list."""

EXAMPLE_SHARE, EXAMPLE_WORDS = 0.6, 2
DEFINITION_SHARE, DEFINITION_WORDS = 0.5, 3

_SENTENCE = re.compile(r"[^.!?;\n]+")


def found_words(text: str, banned: Sequence[str]) -> Iterator[str]:
    """The banned words and phrases that stand in a text as whole words, whatever their case."""
    return (word for word in banned if _whole(word).search(text))


@functools.cache
def _whole(word: str) -> re.Pattern[str]:
    """A declared word or phrase, whatever blanks stand in it."""
    parts = r"\s+".join(re.escape(part) for part in word.split())
    return re.compile(rf"(?<!\w){parts}(?!\w)", re.IGNORECASE)


def is_about(topic: Topic, text: str) -> bool:
    """Whether a sentence of the text has the topic's words."""
    name = _stems(topic.name)
    examples = [_stems(example) for example in topic.examples]
    definition = _stems(topic.definition)
    for sentence in _SENTENCE.findall(text):
        said = _stems(sentence)
        if name and name <= said:
            return True
        if any(_shares(said, example, EXAMPLE_SHARE, EXAMPLE_WORDS) for example in examples):
            return True
        if _shares(said, definition, DEFINITION_SHARE, DEFINITION_WORDS):
            return True
    return False


def share(text: str, source: str) -> float:
    """The part of a text's words that stand in a source, 0 to 1; 1 for a text without any."""
    said = _stems(text)
    return len(said & _stems(source)) / len(said) if said else 1.0


def sentences(text: str) -> list[str]:
    """The sentences of a text, without blanks around them."""
    return [found for item in _SENTENCE.findall(text) if (found := item.strip())]


def _shares(said: frozenset[str], wanted: frozenset[str], part: float, least: int) -> bool:
    common = len(said & wanted)
    return common >= min(least, len(wanted)) > 0 and common >= part * len(wanted)


def _stems(text: str) -> frozenset[str]:
    return frozenset(stem(word.removesuffix("'s")) for word in words(text) if word not in STOP)
