"""The text of a question from which values are taken, each at most once; and the forms that values have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from skerry.local.models.router import words
from skerry.local.models.router.schema import MISSING, fit

Span = tuple[int, int]

REGION = re.compile(r"\b(?:us|eu|ap|sa|ca|me|af|il|mx|cn)(?:-gov|-iso[a-z]?)?-[a-z]+-\d\b")
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.\w+")
URL = re.compile(r"\b[a-z][a-z0-9+]*://[^\s\"'<>]+")
DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d{2}:?\d{2})?)?\b")
DOMAIN = re.compile(r"(?<![\w@.-])((?:[a-z0-9][a-z0-9-]*\.)+(?:[a-z]{2,10}))(?![\w@-])")
ZONE = re.compile(r"\b(?:[A-Z][a-z]+/[A-Z][A-Za-z_]+|UTC|GMT)\b")
QUOTED = re.compile(r"\"([^\"]+)\"|\u201c([^\u201d]+)\u201d|`([^`]+)`|(?<!\w)'([^']+)'(?!\w)")
NAMED = re.compile(r"\b(?:named|called|with (?:the )?name)\s+[\"'`\u201c]?([\w.@:/+-]*\w)")
PROPER = re.compile(
    r"\b(?:in|at|for|of|from|near|about|to)\s+((?:[A-Z][\w'\u2019.-]*\w)(?:\s+[A-Z][\w'\u2019.-]*\w)*)"
)
MARKED = re.compile(r"(?<![\w-])([a-z]{1,6}-(?=[A-Za-z0-9]*\d)[A-Za-z0-9]{4,})(?![\w-])")
SLUG = re.compile(r"(?<![\w./@-])[a-z]+(?:-[a-z]+)+(?![\w@-])")
LONG = re.compile(r"(?<![\w.-])\d{4,}(?![\w.-])")
COUNT = re.compile(
    r"\b(?:top|first|last|latest|limit(?:ed)? to|limit|max(?:imum)?|at most|up to)\s+(\d+)\b"
    r"(?!\s*(?:minutes?|hours?|days?|weeks?|months?|years?)\b)"
)
NUMBER = re.compile(r"(?<![\w.-])[+-]?\d+(?:\.\d+)?(?![\w-])")
IDENTIFIER = re.compile(r"(?<![\w.@-])(?=\S*\d)[A-Za-z0-9](?:[\w.@:/+-]*\w)?")


@lru_cache(maxsize=8192)
def compiled(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """A pattern, compiled once: those of nouns are too many for the cache of `re`."""
    return re.compile(pattern, flags)


class Reader:
    """A text and the spans of it that are taken.

    `common` says of a word that tools use it, so that it is no name; `today` is for months without a year.
    """

    def __init__(
        self,
        text: str,
        tool_words: Sequence[str],
        common: Callable[[str], bool] = lambda _word: False,
        today: date | None = None,
    ) -> None:
        self.text = text
        self.lower = text.lower()
        self.common = common
        self.today = today
        self.tool_words = [word for word in tool_words if word not in words.READ and not words.family(word)]
        self._taken: list[Span] = []
        # A date, an address or a region is one value: no number is taken out of its middle.
        shapes = (EMAIL, URL, DATE, REGION)
        self._values = [match.span() for shape in shapes for match in shape.finditer(text)]

    def matches(self, pattern: re.Pattern[str], *, whole: bool = False) -> Iterator[tuple[str, Span]]:
        """Matches that are still free: their first group, or all. `whole` skips parts of a larger value."""
        for match in pattern.finditer(self.text):
            place = next((number for number, item in enumerate(match.groups(), 1) if item is not None), 0)
            span = match.span(place)
            inside = whole and any(low <= span[0] and span[1] <= high for low, high in self._values)
            if not inside and not any(low < span[1] and span[0] < high for low, high in self._taken):
                yield match[place], span

    def take(self, pattern: re.Pattern[str], prop: Mapping[str, Any], *, whole: bool = False) -> Any:
        """The first free match that fits the property, or MISSING; its words are then taken."""
        for text, span in self.matches(pattern, whole=whole):
            value = fit(text, prop)
            if value is not MISSING:
                self._taken.append(span)
                return value
        return MISSING

    def mark(self, span: Span) -> None:
        """Takes a span."""
        self._taken.append(span)

    def unused(self) -> tuple[str, ...]:
        """Quoted texts, addresses and identifiers that nobody took."""
        found = [text for shape in (QUOTED, EMAIL, MARKED, LONG) for text, _ in self.matches(shape)]
        return (*found, *(text for text, _ in self.slugs()))

    def slugs(self) -> list[tuple[str, Span]]:
        """Names such as `order-handler`, unless all their parts are words of tools."""
        found = self.matches(SLUG)
        return [(text, span) for text, span in found if not all(map(self.common, text.split("-")))]

    def unquoted(self) -> str:
        """The text without quoted parts and e-mail addresses."""
        return EMAIL.sub(" ", QUOTED.sub(" ", self.text))

    def rest(self) -> str:
        """The text without the taken spans."""
        pieces, position = [], 0
        for low, high in sorted(self._taken):
            pieces.append(self.text[position:low])
            position = max(position, high)
        return " ".join("".join([*pieces, self.text[position:]]).split())
