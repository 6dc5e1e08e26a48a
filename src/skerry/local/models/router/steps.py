"""Values that are known by their form or by a list: `name=value`, choices, regions, addresses, dates, ids."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from skerry.local.models.router import lexicon, periods, values, words
from skerry.local.models.router import reader as forms
from skerry.local.models.router.reader import Reader, compiled
from skerry.local.models.router.schema import MISSING, fit
from skerry.local.models.router.wanted import Wanted

COUNTS = words.table("limit max_results max_items maximum count top n first page_size size max")


def explicit(reader: Reader, wanted: Wanted) -> Any:
    """`name=value`, with JSON, quotes or a bare word."""
    pattern = rf"(?<![\w-]){wanted.label}\s*(?:=|:(?!\S*//))\s*"
    match = compiled(pattern, re.IGNORECASE).search(reader.text)
    if match is None:
        return MISSING
    text, length = _literal(reader.text[match.end() :], wanted.kind)
    value = fit(text, wanted.prop)
    if value is not MISSING:
        reader.mark((match.start(), match.end() + length))
    return value


def _literal(tail: str, what: str) -> tuple[str, int]:
    """The value at the start of `tail` and its length in characters."""
    quoted = forms.QUOTED.match(tail)
    if quoted:
        return next(item for item in quoted.groups() if item is not None), quoted.end()
    if tail[:1] in ("{", "[") and what in ("object", "array"):
        try:
            value, end = json.JSONDecoder().raw_decode(tail)
        except (ValueError, RecursionError):
            return "", 0
        return json.dumps(value), end
    bare = re.match(r"[^\s,;]*[^\s,;.!?]" if what != "array" else r"[^\s;]*[^\s,;.!?]", tail)
    return (bare[0], bare.end()) if bare else ("", 0)


def choice(reader: Reader, wanted: Wanted) -> Any:
    """A choice whose words the text has: all of them, or for a required property the most."""
    options = wanted.choices
    if wanted.kind == "boolean" or not options:
        return MISSING
    if len(options) == 1 and wanted.needed:
        return options[0]
    spoken = periods.choice(reader.text, wanted.prop)
    if spoken is not MISSING:
        return spoken
    text = reader.unquoted()
    if "group" in wanted.parts:
        text = " ".join(re.findall(r"\b(?:by|per|each|every)\s+(\w+(?:\s\w+)?)", text))
    exact = [item for item in options if _said(str(item), text)]
    if exact:
        return max(exact, key=lambda item: len(str(item)))
    said = words.words(text)
    best, place = max(
        (_overlap(str(item), said, whole=not wanted.needed), -place) for place, item in enumerate(options)
    )
    return options[-place] if best[0] else MISSING


def _said(option: str, text: str) -> bool:
    """Whether a text has a choice as it is; one of one or two letters only in capitals, before its noun."""
    if len(option) <= 2:
        return bool(
            re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])(?=\s+\w*(?:records?|names?)\b)", text)
        )
    loose = re.escape(option.lower()).replace("_", r"[\s_-]").replace(r"\-", r"[\s_-]?")
    return bool(re.search(rf"(?<![\w-]){loose}(?![\w-])", text.lower()))


def _overlap(option: str, said: Sequence[str], *, whole: bool) -> tuple[int, float, int, int, bool]:
    """How well a choice fits.

    Words matched, their share of the choice, how early they are said (`objects in the bucket` speaks of
    objects), how many are said in the same number (`instance` is one), and whether the verb is the same.
    """
    parts = words.split(option)
    nouns = [part for part in parts if part not in words.READ | words.STOP]
    stems = [words.stem(word) for word in said]
    places = [stems.index(words.stem(noun)) for noun in nouns if words.stem(noun) in stems]
    if not places or (whole and len(places) < len(nouns)):
        return (0, 0.0, 0, 0, False)
    verb = next((word for word in said if word in words.READ or word in words.QUESTION), "")
    same = verb in parts or ("list" in parts and verb in words.QUESTION | {"show"})
    exact = sum(1 for noun in nouns if noun in said)
    return (len(places), len(places) / len(nouns), -min(places), exact, same)


def typical(reader: Reader, wanted: Wanted) -> Any:
    """A value whose form is its type: region, e-mail address, URL, date, time zone, id, a count."""
    if wanted.kind in ("integer", "number"):
        counts = wanted.name.lower() in COUNTS or {"limit", "max"} & set(wanted.parts)
        return reader.take(forms.COUNT, wanted.prop) if counts else MISSING
    form = wanted.form
    if form is forms.REGION:
        return _region(reader, wanted)
    if form is forms.EMAIL:
        return _email(reader, wanted)
    if form is forms.DATE:
        return _time(reader, wanted)
    value = reader.take(form, wanted.prop) if form else MISSING
    if value is MISSING and form is forms.ZONE:
        return _zone(reader)
    return value


def _region(reader: Reader, wanted: Wanted) -> Any:
    told = str(wanted.prop.get("description", ""))
    every = re.search(r"\b(?:all|every|each|any) (?:the |aws )?regions?\b", reader.text, re.IGNORECASE)
    if every and re.search(r"\ball\b", told):
        return "all"
    found = [text for text, _ in reader.matches(forms.REGION)]
    if len(found) > 1 and "commas" in told:
        return ",".join(dict.fromkeys(reader.take(forms.REGION, wanted.prop) for _ in found))
    value = reader.take(forms.REGION, wanted.prop)
    place = re.search(r"\b(?:in|of|for|from) (?:the )?(?:north(?:ern)? )?([A-Z][a-z]+)", reader.text)
    if value is MISSING and place:
        return lexicon.REGIONS.get(place[1].lower(), MISSING)
    return value


def _email(reader: Reader, wanted: Wanted) -> Any:
    if {"new", "to", "target"} & set(wanted.parts):
        target = reader.take(re.compile(rf"\bto\s+({forms.EMAIL.pattern})"), wanted.prop)
        if target is not MISSING:
            return target
    return reader.take(forms.EMAIL, wanted.prop)


def _time(reader: Reader, wanted: Wanted) -> Any:
    told, last = str(wanted.prop.get("description", "")), bool({"end", "until", "to"} & set(wanted.parts))
    value = reader.take(forms.DATE, wanted.prop)
    if value is not MISSING:
        return value
    if "span" in told:
        return MISSING if last else periods.span(reader.text)
    return periods.month(reader.text, wanted.prop, reader.today, last=last) if "YYYY" in told else MISSING


def _zone(reader: Reader) -> Any:
    place = re.search(r"\b(?:in|at|for)\s+((?:[A-Z][\w'-]+\s?)+)", reader.text)
    return values.zones().get(place[1].strip().lower(), MISSING) if place else MISSING
