"""A property that needs a value, with all that its schema tells about values; read once for each tool."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from skerry.local.models.router import schema, values, words

QUERY = words.table(
    """query pattern prompt text question q input message search content topic term keyword keywords body
    body_text description note comment request instruction"""
)


@dataclass(frozen=True, eq=False)
class Wanted:
    """A property that needs a value."""

    name: str
    prop: Mapping[str, Any]
    needed: bool

    @cached_property
    def kind(self) -> str:
        return schema.kind(self.prop)

    @cached_property
    def choices(self) -> list[Any]:
        return schema.choices(self.prop)

    @cached_property
    def parts(self) -> list[str]:
        return words.split(self.name)

    @cached_property
    def label(self) -> str:
        """A pattern for the name in a sentence: `account_id`, `account-id` and `account id`."""
        return r"[\s_-]?".join(map(re.escape, self.parts)) or re.escape(self.name)

    @cached_property
    def free_text(self) -> bool:
        """A string without a list of choices."""
        return self.kind == "string" and not self.choices

    @cached_property
    def form(self) -> re.Pattern[str] | None:
        """The form that a value must have, where name, description or format say so."""
        return values.form_of(self.name, self.prop) if self.free_text else None

    @cached_property
    def query(self) -> bool:
        return bool({self.name.lower(), *self.parts[-1:]} & QUERY)

    @cached_property
    def filters(self) -> bool:
        """A part of a name: only its own words introduce it."""
        return bool({"prefix", "contains", "search"} & set(self.parts))

    @cached_property
    def nouns(self) -> list[str]:
        """Words that stand beside a value."""
        return values.nouns(self.name, self.prop)

    @cached_property
    def shapes(self) -> list[re.Pattern[str]]:
        """Forms that a value may have."""
        return values.shapes(self.prop)

    @cached_property
    def example(self) -> re.Pattern[str] | None:
        """A pattern for an example of the description in a sentence."""
        return values.example_said(self.prop)


class Plan:
    """The properties of a schema, read once."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.properties = schema.properties(root)
        self.required = schema.required(root)
        self._known: dict[tuple[str, bool], Wanted] = {}

    def wanted(self, name: str, *, needed: bool) -> Wanted:
        """The property of that name."""
        found = self._known.get((name, needed))
        if found is None:
            found = self._known[name, needed] = Wanted(name, self.properties[name], needed)
        return found
