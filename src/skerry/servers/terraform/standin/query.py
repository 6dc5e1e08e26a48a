"""The query string of a list: page, filters and searches, as the API description names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from skerry.servers.terraform.standin.problems import ProblemError

DEFAULT_SIZE = 20
MAX_SIZE = 100
MAX_NUMBER = 1_000_000
NUMBER, SIZE = "page[number]", "page[size]"

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Query:
    """What a list was asked for. `wanted` has the parameters that are not empty."""

    number: int
    size: int
    wanted: Mapping[str, str]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]], known: Sequence[str] = ()) -> Query:
        """Reads a query string. Raises ProblemError (400) for what cannot be read or is not `known`.

        An empty parameter counts as absent: pytfe sends its unused filters so. A page larger than
        allowed is cut to the largest; of a parameter that is there twice, the last one counts.
        """
        found = {name: value for name, value in pairs if value != ""}
        number = _number(found.pop(NUMBER, "1"), NUMBER)
        size = _number(found.pop(SIZE, str(DEFAULT_SIZE)), SIZE)
        strange = sorted(set(found) - set(known))
        if strange:
            raise ProblemError(400, "bad request", f"This stand-in does not know the parameter {strange[0]}.")
        return cls(number, min(size, MAX_SIZE), found)

    def page(self, items: Sequence[Item]) -> Page[Item]:
        """The part of `items` that was asked for; a page behind the last one is empty."""
        start = (self.number - 1) * self.size
        return Page(self, items[start : start + self.size], len(items))

    def string(self, number: int) -> str:
        """The query string of another page of the same list."""
        return urlencode(sorted({**self.wanted, NUMBER: str(number), SIZE: str(self.size)}.items()))


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list of `total` items."""

    query: Query
    items: Sequence[Item]
    total: int

    @property
    def last(self) -> int:
        """The number of the last page; an empty list has one page."""
        return max(1, -(-self.total // self.query.size))

    def meta(self) -> dict[str, Any]:
        """The member `meta` of the answer."""
        number = self.query.number
        return {
            "pagination": {
                "current-page": number,
                "page-size": self.query.size,
                "prev-page": number - 1 if 1 < number <= self.last + 1 else None,
                "next-page": number + 1 if number < self.last else None,
                "total-pages": self.last,
                "total-count": self.total,
            }
        }

    def links(self, url: str) -> dict[str, str | None]:
        """The member `links` of the answer; `url` is that of the list without its query."""
        pages = self.meta()["pagination"]

        def link(number: int | None) -> str | None:
            return None if number is None else f"{url}?{self.query.string(number)}"

        return {
            "self": link(self.query.number),
            "first": link(1),
            "prev": link(pages["prev-page"]),
            "next": link(pages["next-page"]),
            "last": link(self.last),
        }


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 7) or not 1 <= int(text) <= MAX_NUMBER:
        raise ProblemError(400, "bad request", f"{name} is a number from 1 to {MAX_NUMBER}.")
    return int(text)
