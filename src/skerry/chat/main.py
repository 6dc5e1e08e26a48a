"""The loop of a chat: questions in, events out, confirmations and forms in between."""

from __future__ import annotations

import time
import webbrowser
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from skerry.chat import links
from skerry.chat.agents import Agent, agents
from skerry.chat.backend import Kept, Reply, Summary
from skerry.chat.doors.open import Door
from skerry.chat.face import OPEN_QUESTION, RUN_GONE, Event, Face
from skerry.chat.interrupts import Interrupts
from skerry.chat.known import Known
from skerry.chat.proofs import Proof
from skerry.chat.replay import tell
from skerry.chat.talk import Talk
from skerry.chat.target import Wanted
from skerry.chat.usage import usage_line
from skerry.errors import ConfigurationError, SkerryError

ANSWERED, FAILED, UNCONFIRMED = 0, 1, 3
"""Exit codes; 2 is wrong usage."""


class Quit(Exception):  # noqa: N818  (no error: the person wants to end)
    """Ends the loop."""


@dataclass(slots=True)
class Chat:
    """An agent at one face.

    `decided` answers every confirmation without asking, as the program was started; `asks` is /hil. `opens`
    opens another agent, `shows` a link in a browser.
    """

    door: Door
    face: Face
    identifier: str = ""
    decided: bool | None = None
    wanted: Wanted = field(default_factory=Wanted)
    opens: Callable[[Wanted], Door] | None = None
    interrupts: Interrupts = field(default_factory=Interrupts)
    clock: Callable[[], float] = time.monotonic
    shows: Callable[[str], object] = webbrowser.open
    asks: bool = True
    listed: list[Summary] = field(default_factory=list)
    cursor: str = ""
    agents: Sequence[Agent] = ()
    talk: Talk = field(init=False)
    known: Known = field(init=False)

    def __post_init__(self) -> None:
        self.talk = Talk(self.door, self.identifier, say=self.face.note)
        self._learn()

    def close(self) -> None:
        """Closes the connections."""
        self.door.close()

    @property
    def proof(self) -> Proof:
        """How the person proves who they are."""
        return self.door.target.proof

    @property
    def user(self) -> str:
        """The name that the chat says for the person, where it says one."""
        return self.door.target.user

    def once(self, text: str) -> int:
        """Asks one question. Returns an exit code; raises KeyboardInterrupt when it was stopped."""
        with self.interrupts:
            try:
                return self._once(text)
            except KeyboardInterrupt:
                self._stop()
                raise

    def ask(self, text: str) -> int:
        """One question in a loop that goes on: an error is a line, Ctrl-C stops the answer."""
        return self._guarded(partial(self.once, text)) or ANSWERED

    def loop(self, command: Callable[[Chat, str], int | None]) -> int:
        """Asks until there are no more questions. Returns the exit code of the last.

        `command` does what a line that begins with a slash says; it returns an exit code when that was a
        question.
        """
        code = ANSWERED
        while True:
            try:
                text = self.face.question()
            except KeyboardInterrupt:
                continue
            if text is None:
                return code
            text = text.strip()
            try:
                if text.startswith("/"):
                    done = self._guarded(partial(command, self, text))
                    code = code if done is None else done
                elif text:
                    code = self.ask(text)
            except Quit:
                return code

    def quit(self) -> None:
        """Ends the loop."""
        raise Quit

    def begin(self, identifier: str = "") -> None:
        """Another conversation with the same agent; preferences stay."""
        self.talk = Talk(self.door, identifier, preferences=self.talk.preferences, say=self.face.note)

    def enter(self, wanted: Wanted) -> None:
        """Another agent, with a new conversation. Raises SkerryError and stays when it cannot be had."""
        if self.opens is None:
            raise ConfigurationError("this chat stays with its agent.")
        door = self.opens(wanted)
        door.region = self.door.region if door.region == "unknown" else door.region
        self.door.close()
        self.door, self.wanted, self.listed, self.cursor = door, wanted, [], ""
        self.begin()
        self._learn()

    def go_on(self, kept: Kept) -> None:
        """What a resumed conversation waits for: the answer under way, or an open question."""
        with self.interrupts:
            try:
                if kept.run:
                    self.face.note("An answer is under way:")
                    self._turn(self.talk.attach(kept.run))
                    if self.talk.failed == RUN_GONE:
                        self._ended_meanwhile(kept)
                elif kept.interrupts:
                    self.face.note("A question is open:")
                    self._turn(self.talk.answer([]))
            except KeyboardInterrupt:
                self._stop()

    def _ended_meanwhile(self, kept: Kept) -> None:
        """The run ended, or is held by another process: what it said is in the conversation."""
        now = self.talk.backend.conversation(kept.summary.id)
        new = now.messages[len(kept.messages) :]
        if new:
            tell(self.face, replace(now, messages=new))
        else:
            self.face.note("Its events are not to be had here; /resume shows what it said once it is over.")

    def list_agents(self) -> Sequence[Agent]:
        """The agents that there are. Raises SkerryError."""
        return agents(self.wanted, "" if self.door.region == "unknown" else self.door.region)

    def _learn(self) -> None:
        self.known = Known(self.door, self.list_agents)
        self.face.knows(self.known)

    def _guarded(self, act: Callable[[], int | None]) -> int | None:
        try:
            return act()
        except KeyboardInterrupt:
            self.face.note("stopped.")
        except SkerryError as error:
            self.face.stopped()
            self.face.note(f"{error} [{error.code}]")
        return FAILED

    def _stop(self) -> None:
        """Stops the answer on the server too; a second Ctrl-C does not wait for that."""
        self.face.stopped()
        self.interrupts.forget()
        try:
            with self.interrupts.allowed():
                self.talk.cancel()
        except KeyboardInterrupt:
            pass
        except SkerryError as error:
            self.face.note(f"Nobody listens any more, but the agent may go on: {error}")

    def _once(self, text: str) -> int:
        code = self._turn(self.talk.ask(text))
        if self.talk.failed != OPEN_QUESTION:
            return code
        self.face.note("An earlier question is still open; it comes first.")
        code = self._turn(self.talk.answer([]))
        return self._turn(self.talk.ask(text)) if code == ANSWERED else code

    def _turn(self, events: Generator[dict[str, Any]]) -> int:
        """Shows a run and the runs that answers to its questions begin."""
        while True:
            began = self.clock()
            with closing(events):  # at once, not when somebody collects it: this ends the listening
                while (event := self._next(events)) is not None:
                    self.face.show(event)
            self.face.stopped()  # another kind of agent may end without a last event
            if line := usage_line(self.talk.usage, self.clock() - began):
                self.face.note(line)
            if self.talk.failed:
                return FAILED
            if not self.talk.interrupts:
                return ANSWERED
            replies = []
            for interrupt in self.talk.interrupts:
                reply = self._reply(interrupt)
                if reply is None:
                    where = f"--session {self.talk.id}"
                    self.face.note(f"Not confirmed. Ask again with {where} and --yes or --no to answer it.")
                    return UNCONFIRMED
                replies.append(reply)
            events = self.talk.answer(replies)

    def _next(self, events: Generator[dict[str, Any]]) -> dict[str, Any] | None:
        with self.interrupts.allowed():
            return next(events, None)

    def _reply(self, interrupt: Event) -> Reply | None:
        """The person's answer to an open question; None when nobody can be asked."""
        identifier = str(interrupt["id"])
        if interrupt.get("mode") == "url" and self.decided is not False and self.asks:
            with self.interrupts.allowed():  # --yes covers no page: that takes a person
                opened = links.opened(interrupt, self.face, self.shows)
            return None if opened is None else Reply(identifier, opened)
        form = interrupt.get("reason") == "elicitation" and interrupt.get("responseSchema")
        if self.decided is False:
            return Reply(identifier, approved=False)
        if self.decided and not form:
            return Reply(identifier, approved=True)
        if not self.asks:
            self.face.note(f"declined: {interrupt.get('toolName', 'it')} (/hil is off)")
            return Reply(identifier, approved=False)
        with self.interrupts.allowed():
            if not form:
                approved = self.face.confirm(interrupt)
                return None if approved is None else Reply(identifier, approved)
            filled = self.face.fill(interrupt)
        if filled is None:
            return None
        accepted = filled.action == "accept"
        return Reply(identifier, accepted, filled.content if accepted else None, filled.action == "cancel")
