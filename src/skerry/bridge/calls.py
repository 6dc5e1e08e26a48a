"""A call in flight, and calls whose answer was lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from skerry.bridge import routing
from skerry.bridge.lane import Lane
from skerry.bridge.stdin import Parcel
from skerry.relay.ports import RelayError
from skerry.wire.jsonrpc import Envelope


class Caller(Protocol):
    """The client of a call, as far as what the program says concerns it."""

    @property
    def asked(self) -> dict[routing.Key, bytes]:
        """The program's requests that this client may answer: their raw ids."""
        ...

    @property
    def mail(self) -> Lane:
        """What belongs to no call."""
        ...


@dataclass(eq=False, slots=True, kw_only=True)
class Call:
    """A request that was sent to a program under `number` and has no answer yet.

    `token` is its progress token, `token_sent` another one where that was taken; `parcel` is its line while
    it waits to be written.
    """

    channel: Caller
    request: Envelope
    number: int
    lane: Lane
    token: object = None
    token_sent: str | None = None
    parcel: Parcel | None = None
    timer: asyncio.TimerHandle | None = None
    answer: Envelope | RelayError | None = None


class Suspects:
    """Answers that cannot be read and do not say whose they are.

    The call is one of those in flight at that moment; once all of them but one have an answer, it is known.
    """

    def __init__(self, calls: Mapping[int, Call]) -> None:
        self._calls = calls
        self._groups: list[tuple[set[int], RelayError]] = []

    def add(self, error: RelayError) -> Collection[int]:
        """Notes a lost answer; the number of the call when only one is in flight."""
        if len(self._calls) > 1:
            self._groups.append((set(self._calls), error))
            return ()
        return list(self._calls)

    def without(self, number: int) -> list[tuple[int, RelayError]]:
        """A call has ended: the calls of which it is now known that their answer was lost."""
        found = []
        for group in list(self._groups):
            numbers, error = group
            numbers.discard(number)
            if len(numbers) <= 1:
                self._groups.remove(group)
                found += [(left, error) for left in numbers]
        return found
