"""A table of the provider's configuration that is read key by key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

from skerry.errors import ConfigurationError

Choice = TypeVar("Choice", bound=str)


@dataclass(frozen=True, slots=True)
class Table:
    """One table and its name, such as `[realms.desk]`; each access checks the type.

    A wrong value is a ConfigurationError that names table and key.
    """

    name: str
    data: Any

    def __post_init__(self) -> None:
        if not isinstance(self.data, Mapping):
            raise ConfigurationError(f"{self.name or 'the file'}: must be a table.")

    def problem(self, key: str, text: str) -> ConfigurationError:
        return ConfigurationError(f"{self.name or 'the file'} {key}: {text}.")

    def text(self, key: str, default: str = "") -> str:
        value = self.data.get(key, default)
        if not isinstance(value, str):
            raise self.problem(key, "must be a string")
        return value

    def texts(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        value = self.data.get(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
            raise self.problem(key, "must be a list of strings")
        return tuple(dict.fromkeys(value))

    def number(self, key: str, default: int) -> int:
        value = self.data.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.problem(key, "must be a whole number")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.data.get(key, default)
        if not isinstance(value, bool):
            raise self.problem(key, "must be true or false")
        return value

    def mapping(self, key: str) -> Mapping[str, Any]:
        value = self.data.get(key, {})
        if not isinstance(value, Mapping):
            raise self.problem(key, "must be a table")
        return value

    def names(self, key: str) -> Mapping[str, str]:
        value = self.mapping(key)
        if not all(isinstance(item, str) and item for item in value.values()):
            raise self.problem(key, "must be a table of strings")
        return value

    def choice(self, key: str, among: tuple[Choice, ...], default: Choice) -> Choice:
        value = self.text(key, default)
        found = next((item for item in among if item == value), None)
        if found is None:
            raise self.problem(key, f"{value!r} is not one of: {', '.join(among)}")
        return found

    def table(self, key: str) -> Table:
        """The table below `key`; an empty one when there is none."""
        return Table(self._below(key), self.data.get(key, {}))

    def _below(self, key: str) -> str:
        prefix = self.name[1:-1] + "." if self.name else ""
        return f"[{prefix}{key}]"

    def tables(self, key: str) -> list[tuple[str, Table]]:
        prefix = self.name[1:-1] + "." if self.name else ""
        return [
            (str(name), Table(f"[{prefix}{key}.{name}]", value)) for name, value in self.mapping(key).items()
        ]

    def refuse_others(self, known: set[str]) -> None:
        for key in self.data:
            if key not in known:
                close = get_close_matches(str(key), known, n=1)
                meant = f"Did you mean {close[0]}? " if close else ""
                raise self.problem(
                    str(key), f"is no key of this table. {meant}It takes {', '.join(sorted(known))}"
                )
