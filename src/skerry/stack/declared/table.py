"""A TOML table that is read key by key and names itself in every complaint."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from skerry.errors import ConfigurationError

_REQUIRED: Any = object()


class Table:
    """Reads typed values from a table; `finish` complains about what nobody read.

    `name` is the dotted name of the table, empty for the top of the file.
    """

    def __init__(self, data: Mapping[str, Any], *, name: str, file: Path) -> None:
        self._data = data
        self._read: list[str] = []
        self.name = name
        self.file = file
        self.folder = file.resolve().parent

    def key(self, name: str) -> str:
        """The dotted name of a key."""
        return f"{self.name}.{name}" if self.name else name

    def problem(self, key: str, text: str) -> ConfigurationError:
        """An error that names file, table and key."""
        where = f"[{self.name}] {key}".strip() if self.name else key
        return ConfigurationError(f"{self.file}: {where} {text}.")

    def has(self, key: str) -> bool:
        """Whether the key stands there; it counts as known."""
        self._read.append(key)
        return key in self._data

    def raw(self, key: str, default: Any = _REQUIRED) -> Any:
        """The value as it stands. Raises ConfigurationError when it is required and missing."""
        self._read.append(key)
        if key in self._data:
            return self._data[key]
        if default is _REQUIRED:
            left = [name for name in self._data if name not in self._read]
            close = difflib.get_close_matches(key, left, n=1)
            raise self.problem(key, f"is missing (is '{close[0]}' meant?)" if close else "is missing")
        return default

    def text(self, key: str, default: Any = _REQUIRED) -> str:
        value = self.raw(key, default)
        if not isinstance(value, str):
            raise self.problem(key, "must be a string")
        return value

    def texts(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        value = self.raw(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise self.problem(key, "must be a list of strings")
        return tuple(value)

    def text_or_texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        value = self.raw(key, default)
        return (value,) if isinstance(value, str) else self.texts(key, default)

    def number(self, key: str, default: float) -> float:
        value = self.raw(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise self.problem(key, "must be a number above 0")
        return float(value)

    def count(self, key: str, default: int) -> int:
        value = self.raw(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.problem(key, "must be a whole number from 0 on")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.raw(key, default)
        if not isinstance(value, bool):
            raise self.problem(key, "must be true or false")
        return value

    def choice(self, key: str, among: tuple[str, ...], default: str) -> str:
        value = self.text(key, default)
        if value not in among:
            raise self.problem(key, f"is '{value}', but must be one of {', '.join(among)}")
        return value

    def mapping(self, key: str) -> Mapping[str, Any]:
        value = self.raw(key, {})
        if not isinstance(value, Mapping):
            raise self.problem(key, "must be a table")
        return value

    def texts_by_name(self, key: str) -> Mapping[str, str]:
        """A table of strings."""
        value = self.mapping(key)
        for name, item in value.items():
            if not isinstance(item, str):
                raise self.problem(f"{key}.{name}", "must be a string")
        return value

    def environment(self) -> Mapping[str, str]:
        """The key `environment`: a table of strings."""
        return self.texts_by_name("environment")

    def path(self, value: str) -> Path:
        """A path of this file: absolute, or relative to the file's folder."""
        return (self.folder / Path(value).expanduser()).resolve()

    def table(self, key: str) -> Table:
        return Table(self.mapping(key), name=self.key(key), file=self.file)

    def tables(self, key: str) -> Iterator[tuple[str, Table]]:
        """The tables below `key`, by name."""
        for name, value in self.mapping(key).items():
            if not isinstance(value, Mapping):
                raise self.problem(key, f"holds '{name}', which must be a table: [{self.key(key)}.{name}]")
            yield name, Table(value, name=f"{self.key(key)}.{name}", file=self.file)

    def each(self, key: str) -> Iterator[Table]:
        """The tables of a list: `[[NAME.key]]`."""
        value = self.raw(key, [])
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            raise self.problem(key, f"must be a list of tables: [[{self.key(key)}]]")
        for number, item in enumerate(value, 1):
            yield Table(item, name=f"{self.key(key)}.{number}", file=self.file)

    def finish(self) -> None:
        """Raises ConfigurationError for a key that nobody read, with the nearest known one."""
        for key in self._data:
            if key not in self._read:
                close = difflib.get_close_matches(key, self._read, n=1)
                known = (
                    f"did you mean '{close[0]}'" if close else f"known: {', '.join(sorted(set(self._read)))}"
                )
                raise self.problem(key, f"is not a known key ({known})")
