"""One conversation as a chat follows it: its id, open questions, the run under way. No terminal in here."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

from skerry.chat.backend import Backend, BrokenError, Event, Reply
from skerry.errors import SkerryError
from skerry.wire import session

REATTACH = 4
"""How often a chat listens again to one run whose connection broke."""
FIRST_DELAY = 0.5
_NOT_HELD = ("UNKNOWN_RUN", "VALIDATION_ERROR")
"""The codes with which an agent says that it cannot give the events of a run again."""


class Talk:
    """A conversation with an agent. What is known after a run: `interrupts`, `failed`, `usage`, `run`.

    `run` is the run under way, or the last one; `seen` how many of its events came; `under_way` whether it
    has not ended as far as is known. A connection that breaks is taken up again by attaching to the run.
    """

    def __init__(
        self,
        backend: Backend,
        identifier: str = "",
        *,
        preferences: Mapping[str, Any] | None = None,
        say: Callable[[str], None] = lambda _text: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.backend = backend
        self.id = identifier or session.new()
        self.preferences: dict[str, Any] = dict(preferences or {})
        self.interrupts: Sequence[Event] = ()
        self.failed = ""
        self.usage: Mapping[str, Any] = {}
        self.run = ""
        self.seen = 0
        self.under_way = False
        self._say = say
        self._sleep = sleep

    def ask(self, prompt: str) -> Generator[Event]:
        """Sends a question. Raises SkerryError when the agent refuses or does not answer."""
        return self._follow(self.backend.ask(self.id, prompt, preferences=self.preferences))

    def answer(self, replies: Sequence[Reply]) -> Generator[Event]:
        """Answers open questions; without replies it asks which are open."""
        return self._follow(self.backend.answer(self.id, replies, preferences=self.preferences))

    def attach(self, run: str) -> Generator[Event]:
        """Listens to a run under way from its beginning."""
        return self._follow(self.backend.attach(self.id, run), run)

    def cancel(self) -> bool:
        """Stops the run under way on the server; False when there was none. Raises SkerryError."""
        if not self.under_way or not self.run:
            return False
        self.under_way = False
        return self.backend.cancel(self.id, self.run)

    def _follow(self, events: Generator[Event], run: str = "") -> Generator[Event]:
        self.interrupts, self.failed, self.usage = (), "", {}
        self.run, self.seen, self.under_way = run, 0, True
        for attempt in range(REATTACH + 1):
            try:
                with closing(events):
                    for event in events:
                        self._note(event)
                        yield event
                # An end without a last event is that of another kind of agent.
                self.under_way = False
                return
            except BrokenError as broken:
                if not self.run or attempt == REATTACH or not self.under_way:
                    raise
                events = self._again(broken, FIRST_DELAY * 2**attempt)

    def _again(self, broken: BrokenError, delay: float) -> Generator[Event]:
        """The rest of a run whose connection broke; the break itself where the agent cannot give it."""
        self._say(f"{broken} The answer goes on at the agent; listening again in {delay:g} s.")
        self._sleep(delay)
        rest = self.backend.attach(self.id, self.run, after=self.seen)
        try:
            for event in rest:
                if event["type"] == "RUN_ERROR" and event.get("code") in _NOT_HELD:
                    raise broken
                if event["type"] != "RUN_STARTED" or self.seen == 0:  # a refusal is a run of its own
                    yield event
        except BrokenError:
            raise
        except SkerryError as error:
            raise broken from error

    def _note(self, event: Event) -> None:
        self.seen += 1
        kind = event["type"]
        if kind == "RUN_STARTED":
            self.run = str(event.get("runId") or self.run)
        elif kind == "RUN_FINISHED":
            outcome = event.get("outcome")
            self.interrupts = (outcome.get("interrupts") if isinstance(outcome, Mapping) else None) or ()
            usage = event.get("usage")
            self.usage = usage if isinstance(usage, Mapping) else {}
            self.under_way = False
        elif kind == "RUN_ERROR":
            self.failed = str(event.get("code") or "RUN_ERROR")
            self.under_way = False
