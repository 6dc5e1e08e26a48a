"""What a fixture is asked, and what it is: the port between the requests and the data of each service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: the operation and its validated input; who asks, for which region, and when.

    `home` says that account and region are the stack's own, `own` the account alone.
    """

    operation: str
    given: Mapping[str, Any]
    account: str
    region: str
    now: float
    own: bool = True
    home: bool = True


class Source(Protocol):
    """The data of one service."""

    operations: frozenset[str]

    def answer(self, asked: Asked) -> dict[str, Any]:
        """The output. Raises ServiceError in the form of the service."""
        ...
