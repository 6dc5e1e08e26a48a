"""Arguments from the words of a question, led by the tool's schema.

In this order, each taking its words away from the next: `name=value`; a choice by its words; a region, e-mail
address, URL, date or time zone where the property asks for one; a value beside the property's own word
(`account 12345`, `last 7 days`); `named x`; quoted text; the only number left; a proper name; and for a
required query, prompt or text whatever remains.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skerry.local.models.router import reader as forms
from skerry.local.models.router import words
from skerry.local.models.router.reader import Reader
from skerry.local.models.router.schema import MISSING, choices, fit, kind, properties, required

GENERIC = words.table("id ids name number no key code value new old current the arn my text is")
QUERY = words.table(
    """query prompt text question q input message search content topic term keyword keywords body body_text
    description note comment request instruction"""
)
COUNTS = words.table("limit max_results max_items maximum count top n first page_size size max")

_LINK = r"(?:\s+(?:id|ids|number|no\.?|name|named|called|key|code|is|was|equals|with|the|of|#))*\s*[:#=]?\s*"
_WORDLIKE = r"(?=\S*[\d_./:-]\S)[A-Za-z0-9](?:[\w.@:/+-]*\w)?|\d+"
_ANSWER = re.compile(r"(?:it'?s|it is|that'?s|the|use|take|with|for|account|my)\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Filled:
    """Arguments that were found, and the required ones that were not."""

    arguments: dict[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A property that needs a value."""

    name: str
    prop: Mapping[str, Any]
    needed: bool

    @property
    def kind(self) -> str:
        return kind(self.prop)

    @property
    def parts(self) -> list[str]:
        return words.split(self.name)

    @property
    def label(self) -> str:
        """A pattern for the name in a sentence: `account_id`, `account-id` and `account id`."""
        return r"[\s_-]?".join(map(re.escape, self.parts)) or re.escape(self.name)

    @property
    def free_text(self) -> bool:
        """A string without a list of choices."""
        return self.kind == "string" and not choices(self.prop)

    @property
    def form(self) -> re.Pattern[str] | None:
        """The form that a value must have, where name or format say so."""
        return forms.form_of(self.parts, self.prop.get("format")) if self.free_text else None

    @property
    def query(self) -> bool:
        return bool({self.name.lower(), *self.parts[-1:]} & QUERY)


def fill(
    schema: Mapping[str, Any], text: str, *, tool: str = "", given: Mapping[str, Any] | None = None
) -> Filled:
    """The arguments of a tool named `tool` that `text` gives, on top of those `given` before."""
    reader = Reader(text, words.split(tool))
    props, needed = properties(schema), required(schema)
    order = [*needed, *(name for name in props if name not in needed)]
    wanted = [_Wanted(name, props[name], name in needed) for name in order]
    found: dict[str, Any] = dict(given or {})
    for step in _STEPS:
        for item in wanted:
            if item.name not in found:
                value = step(reader, item)
                if value is not MISSING:
                    found[item.name] = value
    missing = tuple(name for name in needed if name not in found)
    return Filled({name: found[name] for name in props if name in found}, missing)


def forced(schema: Mapping[str, Any], text: str, *, tool: str = "") -> dict[str, Any]:
    """Arguments for a tool that must be called: what `text` gives, and plain defaults for the rest."""
    result = fill(schema, text, tool=tool)
    props = properties(schema)
    return result.arguments | {name: _default(props[name], text) for name in result.missing}


def supplied(prop: Mapping[str, Any], name: str, text: str) -> Any:
    """The value of one property when `text` is the answer to a question for it, or MISSING."""
    direct = fill({"properties": {name: prop}, "required": [name]}, text).arguments
    if name in direct:
        return direct[name]
    answer = _ANSWER.sub("", text.strip(), count=1) if _ANSWER.match(text.strip()) else text.strip()
    answer = answer.rstrip(".!?").strip("\"'` ")
    if _Wanted(name, prop, needed=True).form:  # a value of that form would have been found
        return MISSING
    return fit(answer, prop) if answer and len(answer.split()) <= 6 else MISSING


def _explicit(reader: Reader, wanted: _Wanted) -> Any:
    """`name=value`, with JSON, quotes or a bare word."""
    pattern = rf"(?<![\w-]){wanted.label}\s*(?:=|:(?!\S*//))\s*"
    match = re.search(pattern, reader.text, re.IGNORECASE)
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


def _choice(reader: Reader, wanted: _Wanted) -> Any:
    """A choice whose words the text has: all of them, or for a required property the most."""
    options = choices(wanted.prop)
    if wanted.kind == "boolean" or not options:
        return MISSING
    if len(options) == 1 and wanted.needed:
        return options[0]
    lower = reader.text.lower()
    exact = [
        item for item in options if re.search(rf"(?<![\w-]){re.escape(str(item).lower())}(?![\w-])", lower)
    ]
    if exact:
        return max(exact, key=lambda item: len(str(item)))
    said = words.words(reader.text)
    verb = words.intent(reader.text)[1]
    best, place = max(
        (_overlap(str(item), said, verb, whole=not wanted.needed), -place)
        for place, item in enumerate(options)
    )
    return options[-place] if best[0] else MISSING


def _overlap(
    option: str, said: Sequence[str], verb: str, *, whole: bool
) -> tuple[int, float, int, int, bool]:
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
    same = verb in parts or ("list" in parts and verb in words.QUESTION | {"show"})
    exact = sum(1 for noun in nouns if noun in said)
    return (len(places), len(places) / len(nouns), -min(places), exact, same)


def _typical(reader: Reader, wanted: _Wanted) -> Any:
    """A value whose form is its type: region, e-mail address, URL, date, time zone, a count."""
    if wanted.kind in ("integer", "number"):
        counts = wanted.name.lower() in COUNTS or {"limit", "max"} & set(wanted.parts)
        return reader.take(forms.COUNT, wanted.prop) if counts else MISSING
    form = wanted.form
    if form is forms.REGION:
        return _region(reader, wanted)
    if form is forms.EMAIL:
        return _email(reader, wanted)
    return reader.take(form, wanted.prop) if form else MISSING


def _region(reader: Reader, wanted: _Wanted) -> Any:
    every = re.search(r"\b(?:all|every|each) (?:the )?regions?\b", reader.text, re.IGNORECASE)
    if every and re.search(r"\ball\b", str(wanted.prop.get("description", ""))):
        return "all"
    return reader.take(forms.REGION, wanted.prop)


def _email(reader: Reader, wanted: _Wanted) -> Any:
    if {"new", "to", "target"} & set(wanted.parts):
        target = reader.take(re.compile(rf"\bto\s+({forms.EMAIL.pattern})"), wanted.prop)
        if target is not MISSING:
            return target
    return reader.take(forms.EMAIL, wanted.prop)


def _adjacent(reader: Reader, wanted: _Wanted) -> Any:
    """A value beside the property's own word: `account 12345`, `bucket logs-1`, `7 days`."""
    if choices(wanted.prop) or wanted.form or wanted.kind not in ("string", "integer", "number"):
        return MISSING
    own = [part for part in wanted.parts if part not in GENERIC] or [*wanted.parts, *reader.tool_words]
    token = _WORDLIKE if wanted.kind == "string" else r"[+-]?\d+(?:\.\d+)?"
    for word in own:
        noun = re.escape(word.removesuffix("s"))
        for pattern in (rf"\b{noun}s?\b{_LINK}({token})(?![\w@])", rf"(?<![\w.-])({token})\s+{noun}s?\b"):
            value = reader.take(re.compile(pattern, re.IGNORECASE), wanted.prop, whole=True)
            if value is not MISSING:
                return value
    return MISSING


def _flag(reader: Reader, wanted: _Wanted) -> Any:
    """A boolean by the words of its name, negated by no, not or without."""
    if wanted.kind != "boolean" or choices(wanted.prop):
        return MISSING
    pattern = rf"(\b(?:no|not|without|don't)\s+)?\b{wanted.label}\b"
    match = re.search(pattern, reader.text, re.IGNORECASE)
    return match[1] is None if match else MISSING


def _spoken(reader: Reader, wanted: _Wanted) -> Any:
    """`named x`, then quoted text."""
    if not wanted.free_text or wanted.form:
        return MISSING
    named = "name" in wanted.parts
    value = reader.take(forms.NAMED, wanted.prop) if named else MISSING
    if value is MISSING and (wanted.needed or wanted.query or named):
        return reader.take(forms.QUOTED, wanted.prop)
    return value


def _leftover(reader: Reader, wanted: _Wanted) -> Any:
    """For a required property the only number or identifier that is left."""
    if not wanted.needed or choices(wanted.prop) or wanted.query or wanted.form:
        return MISSING
    if wanted.kind not in ("integer", "number", "string"):
        return MISSING
    pattern = forms.IDENTIFIER if wanted.kind == "string" else forms.NUMBER
    only = len(list(reader.matches(pattern, whole=True))) == 1
    return reader.take(pattern, wanted.prop, whole=True) if only else MISSING


def _proper(reader: Reader, wanted: _Wanted) -> Any:
    """For a required string a proper name after its own word, or a preposition: `city Paris`, `in Paris`."""
    if not wanted.needed or not wanted.free_text or wanted.query or wanted.form:
        return MISSING
    beside = rf"\b(?i:{wanted.label})\s+([A-Z][\w'-]*(?:\s+[A-Z][\w'-]*)*)"
    value = reader.take(re.compile(beside), wanted.prop)
    return value if value is not MISSING else reader.take(forms.PROPER, wanted.prop)


def _remainder(reader: Reader, wanted: _Wanted) -> Any:
    """For a required query, prompt or text what remains of the question."""
    if not wanted.needed or not wanted.free_text or not wanted.query:
        return MISSING
    text = reader.rest()
    if text.lower().partition(" ")[0] not in words.QUESTION:
        after = re.search(r"(?:\b(?:for|about|saying|says|that)\b|:)\s+(.+)", text)
        text = after[1] if after else re.sub(r"^(?:please\s+)?\w+\s+", "", text, count=1)
    text = text.rstrip("?.! ")
    return fit(text, wanted.prop) if text else MISSING


_STEPS = (_explicit, _choice, _typical, _adjacent, _flag, _spoken, _leftover, _proper, _remainder)


def _default(prop: Mapping[str, Any], text: str) -> Any:
    """A value of the right type for a forced call, when the text gives none."""
    what, options = kind(prop), choices(prop)
    if "default" in prop:
        return prop["default"]
    if options:
        return options[0]
    if what == "object":
        return forced(prop, text)
    if what in ("integer", "number"):
        number = prop.get("minimum", 0)
        return number if isinstance(number, int | float) else 0
    plain: dict[str, Any] = {"boolean": False, "array": [], "null": None}
    longest = prop.get("maxLength")
    return plain.get(what, text[:longest] if isinstance(longest, int) else text)
