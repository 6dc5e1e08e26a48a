"""What values of a property look like, as its schema tells: nouns that stand beside them, examples, marks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from skerry.local.models.router import lexicon, words
from skerry.local.models.router.documents import marks
from skerry.local.models.router.reader import DATE, DOMAIN, EMAIL, REGION, URL, ZONE

GENERIC = words.table("id ids name number no key code value new old current the arn my text is")
_EXAMPLES = re.compile(r"\bsuch as:? ((?:[^\s,.;()]|[.,](?=\S))+)(?: or ((?:[^\s,.;()]|[.,](?=\S))+))?")
_OF = re.compile(r"\b(?:of|of one|about) (?:one|a|an|the) ([^.;(:]+)")

# Forms of examples, and what to look for in their place.
_SHAPES: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = (
    (re.compile(r"/[\w/-]+"), re.compile(r"(?<![\w/:.])(/[\w.-]+(?:/[\w.-]+)*)")),
    (re.compile(r"[A-Z]+/[A-Z]\w+"), re.compile(r"\b((?:AWS|[A-Z][A-Za-z]+)/[A-Z]\w+)")),
    (re.compile(r"\w+:[A-Z]\w+"), re.compile(r"\b([a-z][\w-]*:(?:[A-Z]\w+\*?|\*))")),
    (re.compile(r"[a-z]+\d+\w*\.\w+"), re.compile(r"\b([a-z]+\d+\w*(?:-\w+)?\.\w+)\b")),
    (re.compile(r"\d+\.\d+(?:\.\d+)*"), re.compile(r"(?<![\w.])v?(\d+\.\d+(?:\.\d+)*)(?![\w.]*\w)")),
    (
        re.compile(r"[a-z]+\.[a-z][\w-]+(?::\d+)?"),
        re.compile(r"\b([a-z]\w*\.[a-z][\w.-]*-[\w.-]*\w(?::\d+)?)"),
    ),
    (re.compile(r"(?=.*\d)(?=.*[a-z])[a-z\d]{10}"), re.compile(r"\b((?=\w*\d)(?=\w*[a-z])[a-z\d]{10})\b")),
)
_FORMS: tuple[tuple[frozenset[str], frozenset[str], re.Pattern[str]], ...] = (
    (frozenset(), words.table("region"), REGION),
    (words.table("email"), words.table("email mail"), EMAIL),
    (words.table("uri"), words.table("url uri link"), URL),
    (words.table("date date-time"), words.table("date since until start end"), DATE),
    (frozenset(), words.table("timezone tz"), ZONE),
)
_ARN = re.compile(r"\barn:[\w:/.*+=@-]+\w")


def form_of(name: str, prop: Mapping[str, Any]) -> re.Pattern[str] | None:
    """The form that a value must have: by the property's marks, the words of its name, or its format."""
    begins = marks(prop)
    if begins:
        return re.compile(rf"(?<![\w-])((?:{'|'.join(map(re.escape, sorted(begins)))})[A-Za-z0-9]+)")
    parts, declared = words.split(name), prop.get("format")
    for formats, known, pattern in _FORMS:
        if (isinstance(declared, str) and declared in formats) or known & set(parts):
            return pattern
    if "arn" in parts:
        return _ARN
    return None


def shapes(prop: Mapping[str, Any]) -> list[re.Pattern[str]]:
    """Forms that a value may have, by the examples in the description."""
    told = str(prop.get("description", ""))
    found = [wanted for example in examples(prop) for form, wanted in _SHAPES if form.fullmatch(example)]
    return [*found, DOMAIN] if "example.com" in told and "@" not in told else found


def examples(prop: Mapping[str, Any]) -> list[str]:
    """The examples of a description: `such as A or B`."""
    told = str(prop.get("description", ""))
    return [item.strip("\"'`,") for match in _EXAMPLES.findall(told) for item in match if item]


def example_said(prop: Mapping[str, Any]) -> re.Pattern[str] | None:
    """A pattern for an example in a sentence: `CPUUtilization` is said as `CPU utilization`."""
    said = [
        r"[\s_-]?".join(re.escape(part) for part in words.split(example)) + r"(?:[\d.]*\d)?"
        for example in examples(prop)
        if re.fullmatch(r"[A-Za-z]{4,}\d*", example)
    ]
    return re.compile(rf"(?<![\w/.-])(?:{'|'.join(said)})(?![\w/-])", re.IGNORECASE) if said else None


def nouns(name: str, prop: Mapping[str, Any]) -> list[str]:
    """Words that stand beside a value: of the property's name, and of what its description says it is of."""
    own = [part for part in words.split(name) if part not in GENERIC and part not in words.STOP]
    match = _OF.search(str(prop.get("description", "")))
    listed = re.split(r", | or | and ", match[1]) if match and "'" not in match[1] else []
    own += [word for item in listed if item.split() and (word := item.split()[-1].lower()) not in own]
    others = [word for noun in own for word, names in _others().items() if noun in names]
    return list(dict.fromkeys([*reversed(own), *others]))


@lru_cache
def _others() -> Mapping[str, tuple[str, ...]]:
    return {word: names[:1] for word, names in lexicon.SYNONYMS.items() if not word.endswith("s")}


@lru_cache
def zones() -> Mapping[str, str]:
    """IANA time zones by their city, in lower case."""
    listed = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))
    return {zone.rpartition("/")[2].replace("_", " ").lower(): zone for zone in listed}
