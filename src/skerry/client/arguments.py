"""A tool's arguments as words of a command line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from skerry.errors import ConfigurationError


def arguments(words: Sequence[str]) -> dict[str, Any] | dict[str, Typed]:
    """One JSON object as it is, or the values of `name=value` words, still without a type.

    Raises ConfigurationError for anything else.
    """
    if len(words) == 1 and words[0].lstrip()[:1] == "{":
        try:
            found = json.loads(words[0])
        except (ValueError, RecursionError) as error:
            raise ConfigurationError(
                f"the arguments are not JSON: {error}.",
                hint='Quote them for the shell: \'{"name": "value"}\'.',
            ) from error
        return dict(found)
    given: dict[str, Typed] = {}
    for word in words:
        name, mark, text = word.partition("=")
        if not mark or not name:
            raise ConfigurationError(
                f"{word!r} is no argument.", hint="Give one JSON object in quotes, or name=value."
            )
        given[name] = Typed(text)
    return given


class Typed(str):
    """A value as it was typed, whose type is not known yet."""

    __slots__ = ()

    def of(self, field: object) -> Any:
        """The value for a field of a JSON schema: text where the field is text, else JSON where it can be."""
        if isinstance(field, Mapping) and field.get("type") == "string":
            return str(self)
        try:
            return json.loads(self)
        except (ValueError, RecursionError):
            return str(self)


def typed(given: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with the types of a tool's input schema."""
    fields = schema.get("properties", {})
    return {
        name: value.of(fields.get(name)) if isinstance(value, Typed) else value
        for name, value in given.items()
    }
