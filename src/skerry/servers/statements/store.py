"""The store of statements, made up: the same for the same person. Keys are kept in this process alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

from skerry.servers.url_elicitation import Person

PREFIX = "stmt-"
_LEAST = 12
_MONTHS = ("2026-01", "2026-02", "2026-03")


class Statement(BaseModel):
    """One month of an account, in cents."""

    month: str
    received: int
    spent: int


@dataclass(slots=True)
class Store:
    """Who may read what: a key for each person."""

    _keys: dict[Person, str] = field(default_factory=dict, repr=False)

    def is_open(self, person: Person) -> bool:
        """Whether there is a key of this person's."""
        return person in self._keys

    async def connect(self, person: Person, values: Mapping[str, str]) -> str:
        """Keeps a key; a sentence when it is none."""
        key = values["key"]
        if not key.startswith(PREFIX) or len(key) < _LEAST:
            return (
                f"That is no key of the store: they begin with {PREFIX} and have {_LEAST} characters or more."
            )
        self._keys[person] = key
        return ""

    def disconnect(self, person: Person) -> bool:
        """Forgets the key of a person; whether there was one."""
        return self._keys.pop(person, None) is not None

    def statements(self, person: Person) -> list[Statement]:
        """The statements that a person's key opens. Raises KeyError without one."""
        if person not in self._keys:
            raise KeyError(person)
        return [_made_up(person, month) for month in _MONTHS]


def _made_up(person: Person, month: str) -> Statement:
    number = hashlib.sha256(f"{person.issuer} {person.subject} {month}".encode()).digest()
    received, spent = (int.from_bytes(number[at : at + 2], "big") * 10 for at in (0, 2))
    return Statement(month=month, received=received, spent=spent)
