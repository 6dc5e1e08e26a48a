"""Values that are known by the words around them: names beside their noun, quoted text, what remains."""

from __future__ import annotations

import re
from typing import Any

from skerry.local.models.router import reader as forms
from skerry.local.models.router import values, words
from skerry.local.models.router.reader import Reader, compiled
from skerry.local.models.router.schema import MISSING, fit
from skerry.local.models.router.wanted import Wanted

_LINK = r"(?:\s+(?:id|ids|number|no\.?|name|named|called|key|code|is|was|equals|with|#))*\s*[:#=]?\s*"
_WORDLIKE = r"(?=\S*[\d_./:-]\S)[A-Za-z0-9](?:[\w.@:/+-]*\w)?|\d+"
_OPENING, _CLOSING = "[\"'`\u201c\u2018]", "[\"'`\u201d\u2019]"
_QUOTED = rf"(?<!\w){_OPENING}([^\"`\u201d\n]+?){_CLOSING}(?!\w)"
_DESCRIBING = words.table(
    """new old big small main whole other same current default single second third public private entire slow
    fast large high low broken empty full good bad best real actual own given specific certain total
    attribute attributes setting settings property properties configuration info state status name names
    list"""
)


def adjacent(reader: Reader, wanted: Wanted) -> Any:
    """A value beside the property's own noun: `account 12345`, `7 days`, `the orders queue`."""
    if wanted.choices or wanted.form or wanted.kind not in ("string", "integer", "number"):
        return MISSING
    own = wanted.nouns or [*wanted.parts, *reader.tool_words]
    if wanted.filters:
        return _part_of_name(reader, wanted)
    token = _WORDLIKE if wanted.kind == "string" else r"[+-]?\d+(?:\.\d+)?"
    for word in own:
        if word.removesuffix("s") not in reader.lower:
            continue
        noun = re.escape(word.removesuffix("s"))
        patterns = [rf"\b{noun}s?\b{_LINK}({token})(?![\w@])", rf"(?<![\w./@-])({token})\s+{noun}s?\b"]
        if wanted.kind == "string":
            patterns = [rf"\b{noun}s?\b{_LINK}{_QUOTED}", rf"{_QUOTED}\s+{noun}\b", *patterns]
        for pattern in patterns:
            found = list(reader.matches(compiled(pattern, re.IGNORECASE), whole=True))
            for text, span in found:
                value = fit(text, wanted.prop)
                quoted = _QUOTED in pattern
                if value is not MISSING and (quoted or not reader.common(text.lower())):
                    reader.mark(span)
                    return value
    return _bare_name(reader, wanted, own) if wanted.kind == "string" else MISSING


def _bare_name(reader: Reader, wanted: Wanted, own: list[str]) -> Any:
    """A plain word beside the noun that no tool uses: `the table sessions`, `the orders queue`."""
    for word in own:
        if word not in reader.lower:
            continue
        noun = re.escape(word)
        for pattern in (
            rf"\b{noun}\s+(?:named\s+|called\s+)?([A-Za-z]\w*)",
            rf"\b([A-Za-z]\w*)(?:'s)?\s+{noun}\b",
        ):
            for text, span in reader.matches(compiled(pattern, re.IGNORECASE)):
                if _is_name(reader, text) and fit(text, wanted.prop) is not MISSING:
                    reader.mark(span)
                    return fit(text, wanted.prop)
    return MISSING


def _is_name(reader: Reader, text: str) -> bool:
    word = text.lower()
    return not (
        len(word) < 3
        or words.known(word)
        or word in _DESCRIBING
        or words.family(word)
        or reader.common(word)
        or re.search(r"(?:ing|ed|est|ly)$", word)
    )


def _part_of_name(reader: Reader, wanted: Wanted) -> Any:
    """What names begin with or contain, where the text says so."""
    verb = r"(?:begin|start)(?:s|ning|ing)?\s+with|prefix(?:ed)?(?:\s+(?:with|by))?"
    if "prefix" not in wanted.parts:
        having = r"(?:with|have|has|having)(?=\s+\S+\s+in (?:the|their|its) names?)"
        verb = rf"contain(?:s|ing)?|match(?:es|ing)?|like|{having}|for"
    pattern = rf"\b(?:{verb})\s+(?:{_QUOTED}|({_WORDLIKE}|[a-z]\w+))"
    for text, span in reader.matches(compiled(pattern)):
        if not words.known(text.lower()) and not (
            reader.common(text.lower()) and "prefix" not in wanted.parts
        ):
            reader.mark(span)
            return fit(text, wanted.prop)
    return MISSING


def example(reader: Reader, wanted: Wanted) -> Any:
    """What looks like an example of the description, or is said like one."""
    if not wanted.free_text or wanted.form or wanted.filters:
        return MISSING
    for shape in wanted.shapes:
        value = reader.take(shape, wanted.prop)
        if value is not MISSING:
            return value
    pattern = wanted.example
    found = next(reader.matches(pattern), None) if pattern else None
    if found is None:
        return MISSING
    reader.mark(found[1])
    spoken = re.sub(r"[\s_-]", "", found[0]).lower()
    known = next((item for item in values.examples(wanted.prop) if item.lower() == spoken), found[0])
    return fit(known, wanted.prop)


def flag(reader: Reader, wanted: Wanted) -> Any:
    """A boolean by the words of its name, negated by no, not or without."""
    if wanted.kind != "boolean" or wanted.choices:
        return MISSING
    pattern = rf"(\b(?:no|not|without|don't)\s+)?\b{wanted.label}\b"
    match = compiled(pattern, re.IGNORECASE).search(reader.text)
    return match[1] is None if match else MISSING


def spoken(reader: Reader, wanted: Wanted) -> Any:
    """`to x` for what is new, `named x`, then quoted text."""
    if not wanted.free_text or wanted.form or wanted.filters:
        return MISSING
    if "new" in wanted.parts:
        return reader.take(compiled(rf"\b(?:to|as|into)\s+(?:{_QUOTED}|([\w.-]*\w))"), wanted.prop)
    named = "name" in wanted.parts
    value = (
        reader.take(forms.NAMED, wanted.prop)
        if named and (wanted.needed or len(wanted.parts) == 1)
        else MISSING
    )
    if value is MISSING and (wanted.needed or (wanted.query and not named)):
        return reader.take(forms.QUOTED, wanted.prop)
    return value


def leftover(reader: Reader, wanted: Wanted) -> Any:
    """For a required property the only number or identifier that is left."""
    if not wanted.needed or wanted.choices or wanted.query or wanted.form:
        return MISSING
    if wanted.kind not in ("integer", "number", "string"):
        return MISSING
    if wanted.kind != "string":
        only = len(list(reader.matches(forms.NUMBER, whole=True))) == 1
        return reader.take(forms.NUMBER, wanted.prop, whole=True) if only else MISSING
    found = [*reader.matches(forms.IDENTIFIER, whole=True), *reader.slugs()]
    value = fit(found[0][0], wanted.prop) if len(found) == 1 else MISSING
    if value is not MISSING:
        reader.mark(found[0][1])
    return value


def proper(reader: Reader, wanted: Wanted) -> Any:
    """For required strings and names a proper name after its own word or a preposition: `in Paris`."""
    if not (wanted.needed or wanted.name == "name") or not wanted.free_text or wanted.query or wanted.form:
        return MISSING
    beside = rf"\b(?i:{wanted.label})\s+([A-Z][\w'-]*(?:\s+[A-Z][\w'-]*)*)"
    for pattern in (compiled(beside), forms.PROPER):
        for text, span in reader.matches(pattern):
            value = fit(text, wanted.prop)
            if value is not MISSING and not any(map(reader.common, text.lower().split())):
                reader.mark(span)
                return value
    return MISSING


def remainder(reader: Reader, wanted: Wanted) -> Any:
    """For a required query, prompt or text what remains of the question beside the tool's own words."""
    if not wanted.needed or not wanted.free_text or not wanted.query:
        return MISSING
    text = reader.rest()
    if text.lower().partition(" ")[0] not in words.QUESTION:
        after = re.search(r"(?:\b(?:for|about|saying|says|that)\b|:)\s+(.+)", text)
        text = after[1] if after else re.sub(r"^(?:please\s+)?\w+\s+", "", text, count=1)
    text = text.rstrip("?.! ")
    said = {words.stem(word) for word in words.words(text) if word not in words.STOP}
    if said <= {words.stem(word) for word in [*reader.tool_words, *wanted.parts]}:
        return MISSING
    return fit(text, wanted.prop) if text else MISSING
