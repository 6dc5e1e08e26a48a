"""Errands: pages that people were asked to visit and have not finished with yet. No I/O; time is an argument.

    open ─▶ done (the form was taken) ─▶ used (a call of the tool went on with it)
       └──▶ refused (by the client or on the page)          each of them ends with its time

An errand belongs to one person, one tool and its exact arguments. Its name stands in the link: random, and
nothing can be read from it. Whoever asks the same meanwhile shares it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from skerry.auth.ports import Clock
from skerry.servers.url_elicitation.form import Form
from skerry.servers.url_elicitation.person import Person

LIFE = 600.0
"""Seconds in which an errand can be finished."""

Status = Literal["open", "done", "used", "refused"]


@dataclass(slots=True, eq=False)
class Errand:
    """One page for one person. `digest` is of the call, `until` of the monotonic clock.

    `listeners` are told when it is done, by the sessions that asked; `settled` is set when it is no longer
    open.
    """

    person: Person
    digest: str
    tool: str
    form: Form = field(repr=False)
    until: float
    name: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    status: Status = "open"
    settled: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    listeners: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict, repr=False)


class Errands:
    """All of them: at most `most`, and `each` of one person; beyond that the oldest is forgotten."""

    def __init__(self, clock: Clock, *, life: float = LIFE, most: int = 1024, each: int = 16) -> None:
        self._clock = clock
        self._life = life
        self._most = most
        self._each = each
        self._named: OrderedDict[str, Errand] = OrderedDict()

    def open(self, person: Person, form: Form, *, tool: str, arguments: Mapping[str, object]) -> Errand:
        """The errand that this call waits for: the one under way or finished, else a new one.

        What a form keeps is asked of the form: an errand that was finished for it says nothing any more.
        """
        wanted = digest(person, tool, arguments)
        counts = ("open", "done") if form.holds is None else ("open",)
        self._forget_old()
        for errand in self._named.values():
            if errand.digest == wanted and errand.status in counts:
                return errand
        made = Errand(person, wanted, tool, form, self._clock.monotonic() + self._life)
        self._named[made.name] = made
        self._make_room(person)
        return made

    def named(self, name: str) -> Errand | None:
        """The errand of this name, whatever became of it, until its time is over."""
        found = self._named.get(name)
        return found if found is not None and self._clock.monotonic() < found.until else None

    def of_call(
        self, name: str, person: Person, *, tool: str, arguments: Mapping[str, object]
    ) -> Errand | None:
        """The errand of this name when it belongs to exactly this call of this person."""
        found = self.named(name)
        return found if found is not None and found.digest == digest(person, tool, arguments) else None

    @staticmethod
    def finish(errand: Errand) -> None:
        """The form was taken."""
        errand.status = "done"
        errand.settled.set()

    @staticmethod
    def refuse(errand: Errand) -> None:
        """The person does not want to; the link is dead."""
        if errand.status == "open":
            errand.status = "refused"
            errand.settled.set()

    @staticmethod
    def take(errand: Errand) -> bool:
        """Whether a call may go on with it: it is done, and no other call went on."""
        if errand.status != "done":
            return False
        errand.status = "used"
        return True

    def left(self, errand: Errand) -> float:
        """Seconds until its time is over."""
        return max(0.0, errand.until - self._clock.monotonic())

    def _forget_old(self) -> None:
        now = self._clock.monotonic()
        for name in [name for name, errand in self._named.items() if errand.until <= now]:
            del self._named[name]

    def _make_room(self, person: Person) -> None:
        own = [name for name, errand in self._named.items() if errand.person == person]
        for name in own[: -self._each]:
            del self._named[name]
        while len(self._named) > self._most:
            self._named.popitem(last=False)


def digest(person: Person, tool: str, arguments: Mapping[str, object]) -> str:
    """What an errand is bound to."""
    bound = [person.issuer, person.subject, person.tenant, tool, dict(arguments)]
    return hashlib.sha256(json.dumps(bound, sort_keys=True).encode()).hexdigest()
