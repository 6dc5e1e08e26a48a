"""One visitor's conversation: what a browser tab has open. It lives in that tab's session state alone.

The page draws what it finds here and calls what a person clicked; nothing of Streamlit is in here.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from skerry.chat.backend import Backend, Event, Kept, Listing, Reply, Summary
from skerry.chat.doors.connection import RefusedError
from skerry.chat.web.host import Choice, Host
from skerry.chat.web.streaming import Listener
from skerry.chat.web.transcript import Answer, Entry, Failure, Question, before_run, of_messages
from skerry.errors import ConfigurationError, SkerryError
from skerry.wire import session

PAGE = 20
BUSY = ("SESSION_BUSY", "PENDING_INTERRUPTS")
"""Codes of a refused question after which the conversation says what is under way or open."""


class _Ends:
    """What ends with a visit, also when nobody ends it: a closed tab is only forgotten."""

    def __init__(self) -> None:
        self.backend: Backend | None = None
        self.listener: Listener | None = None

    def all(self) -> None:
        """Stops listening, then ends the connections."""
        backend, listener = self.backend, self.listener
        self.backend = self.listener = None
        if listener is not None:
            listener.stop(backend.close if backend is not None else None)
        elif backend is not None:
            backend.close()


class Visit:
    """A conversation and its way to an agent. `problem` is the last thing that went wrong, for the page."""

    def __init__(
        self, host: Host, choice: Choice | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.host = host
        self.choice = choice or Choice()
        self.id = session.new()
        self.entries: list[Entry] = []
        self.problem: SkerryError | None = None
        self.notice = ""
        self.decided: dict[str, Reply] = {}
        self.listed: list[Summary] = []
        self.cursor = ""
        self.list_problem: SkerryError | None = None
        self.fresh = False
        self.preferences: Mapping[str, Any] = {}
        self._clock = clock
        self._backend: Backend | None = None
        self._listener: Listener | None = None
        self._taken = 0
        self._ends = _Ends()
        weakref.finalize(self, self._ends.all)

    @property
    def backend(self) -> Backend:
        """The way to the chosen agent, opened at first use. Raises SkerryError."""
        if self._backend is None:
            self._backend = self.host.connect(self.choice)
            self._ends.backend = self._backend
        return self._backend

    def choose(self, choice: Choice) -> None:
        """Another agent, region or token: a new conversation with it, when it is another one at all."""
        if choice != self.choice:
            self.close()
            self.choice = choice
            self.listed, self.cursor, self.fresh = [], "", False
            self.begin()

    def close(self) -> None:
        """Stops listening and ends connections; what the agent does goes on."""
        self._ends.all()
        self._backend = self._listener = None

    def begin(self) -> None:
        """A new, empty conversation."""
        self._leave()
        self.id = session.new()

    def open(self, identifier: str) -> None:
        """A kept conversation, and the run in it that is under way. `problem` says why it cannot be had."""
        self._leave()
        if wrong := session.problem(identifier):
            self.problem = ConfigurationError(
                f"this is no session id: {wrong}.", hint="Copy it whole, or begin a new conversation."
            )
            return
        self.id = identifier
        self._read()
        if (
            isinstance(self.problem, RefusedError) and self.problem.kind == "NOT_FOUND"
        ):  # absent, expired, or somebody else's
            self.id = session.new()

    def ask(self, prompt: str, preferences: Mapping[str, Any]) -> None:
        """Asks a question. The preferences go along with it, and with the answers to what it asks back."""
        self.problem, self.notice, self.preferences = None, "", preferences
        self.entries.append(Question(prompt))
        identifier = self.id  # a listener that knew the visit would keep it alive
        self._listen(lambda backend: backend.ask(identifier, prompt, preferences=preferences))

    def decide(self, reply: Reply) -> None:
        """Takes an answer to an open question; when all of them are answered they are sent together."""
        self.decided[reply.interrupt_id] = reply
        waiting = [str(each.get("id", "")) for each in self.interrupts]
        if not all(identifier in self.decided for identifier in waiting):
            return
        replies = [self.decided[identifier] for identifier in waiting]
        self._close_questions()
        self.problem, self.notice, self.decided = None, "", {}
        identifier, preferences = self.id, self.preferences
        self._listen(lambda backend: backend.answer(identifier, replies, preferences=preferences))

    def cancel(self) -> None:
        """Stops the answer at the server."""
        run = self.run
        if run:
            try:
                if not self.backend.cancel(self.id, run):
                    self.notice = "It was over already."
            except SkerryError as error:
                self.problem = error

    def catch_up(self) -> bool:
        """Takes what was heard since the last time. Returns whether the run is still under way."""
        listener, answer = self._listener, self.answer
        if listener is None or answer is None:
            return False
        over = listener.over  # asked before the events, so that none of them is missed
        for heard in listener.beyond(self._taken):
            answer.feed(heard.event, heard.at)
            self._taken += 1
        if not over:
            return True
        self._listener = self._ends.listener = None
        answer.end()
        self.fresh = False
        if listener.problem is not None:
            self.problem = listener.problem
        failure = answer.failure
        if listener.gone or (failure is not None and failure.code in BUSY):
            self._after(listener, failure)
        return self.listening

    def _after(self, listener: Listener, failure: Failure | None) -> None:
        """The server knows better what is under way: the conversation is read again."""
        self._read()
        if failure is not None and self.problem is None:
            self.notice = (
                "Another answer is under way in this conversation; your question was not asked."
                if failure.code == "SESSION_BUSY"
                else "A question of the agent is open; it has to be answered first."
            )
        elif listener.gone and not self.entries:
            self.notice = "The answer is over, and nothing of it was kept."

    @property
    def listening(self) -> bool:
        """Whether an answer is under way."""
        return self._listener is not None

    @property
    def answer(self) -> Answer | None:
        """The newest answer."""
        last = self.entries[-1] if self.entries else None
        return last if isinstance(last, Answer) else None

    @property
    def run(self) -> str:
        """The id of the run under way; empty when there is none or it has not said its id yet."""
        return self._listener.run if self._listener is not None else ""

    @property
    def interrupts(self) -> Sequence[Event]:
        """The agent's open questions."""
        return self.answer.interrupts if self.answer is not None and not self.listening else ()

    @property
    def asked(self) -> bool:
        """Whether there is anything in this conversation."""
        return bool(self.entries)

    def refresh(self) -> None:
        """The first page of the visitor's conversations, unless it is there already."""
        if self.fresh:
            return
        found = self._page("")
        if found is not None:
            self.listed, self.cursor = list(found.conversations), found.cursor
        self.fresh = True

    def more(self) -> None:
        """The next page of the conversations."""
        found = self._page(self.cursor)
        if found is not None:
            known = {each.id for each in self.listed}
            self.listed += [each for each in found.conversations if each.id not in known]
            self.cursor = found.cursor

    def delete(self, identifier: str) -> None:
        """Deletes a conversation for good; the open one is followed by an empty one."""
        try:
            self.backend.delete(identifier)
        except SkerryError as error:
            self.problem = error
            return
        self.listed = [each for each in self.listed if each.id != identifier]
        if identifier == self.id:
            self.begin()

    def kept(self) -> Kept:
        """The conversation as the agent keeps it. Raises SkerryError."""
        return self.backend.conversation(self.id)

    def _page(self, cursor: str) -> Listing | None:
        self.list_problem = None
        try:
            return self.backend.conversations(cursor=cursor, limit=PAGE)
        except SkerryError as error:
            self.list_problem = error
            return None

    def _leave(self) -> None:
        if self._listener is not None:
            self._listener.stop()
            self._listener = self._ends.listener = None
        self.entries, self.decided = [], {}
        self.problem, self.notice = None, ""

    def _read(self) -> None:
        try:
            kept = self.kept()
        except SkerryError as error:
            self.problem = error
            return
        self.entries = of_messages(kept.messages)
        if kept.run:
            self.entries = before_run(self.entries)
            identifier, run = self.id, kept.run
            self._listen(lambda backend: backend.attach(identifier, run), run=run)
        elif kept.interrupts:
            if self.answer is None:
                self.entries.append(Answer(over=True))
            assert self.answer is not None
            self.answer.open_questions(kept.interrupts)

    def _listen(self, begin: Callable[[Backend], Any], *, run: str = "") -> None:
        try:
            backend = self.backend
        except SkerryError as error:
            self.problem = error
            return
        self.entries.append(Answer(run=run, before=self.answer))
        self._taken = 0
        self._listener = self._ends.listener = Listener(
            backend, self.id, lambda: begin(backend), run=run, clock=self._clock
        ).start()

    def _close_questions(self) -> None:
        for entry in self.entries:
            if isinstance(entry, Answer):
                entry.interrupts = ()
