"""The loop of a chat: questions in, events out, confirmations in between."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, TextIO

from skerry.chat.backend import Reply
from skerry.chat.face import OPEN_QUESTION, Event, Face, Shown
from skerry.chat.interrupts import Interrupts
from skerry.chat.talk import Talk
from skerry.errors import SkerryError

ANSWERED, FAILED, UNCONFIRMED = 0, 1, 3
"""Exit codes; 2 is wrong usage."""

COMMANDS: Mapping[str, str] = {
    "/help": "this list",
    "/new": "begin a new session",
    "/session": "show the session id and the agent",
    "/tools": "show or hide tool calls",
    "/thinking": "show or hide the model's thinking",
    "/raw": "show or hide raw events",
    "/quit": "end",
}


class JsonFace:
    """Prints every event as one line of JSON and asks nobody."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.shown = Shown()
        self._out = out or sys.stdout

    def question(self) -> str | None:
        line = sys.stdin.readline()
        return line.rstrip("\r\n") if line else None

    def show(self, event: Event) -> None:
        self._out.write(json.dumps(event, ensure_ascii=False) + "\n")
        self._out.flush()

    def stopped(self) -> None:
        """Nothing: every line is whole."""

    def confirm(self, interrupt: Event) -> bool | None:  # noqa: ARG002  (its event was printed)
        return None

    def note(self, text: str) -> None:
        """Nothing but events is printed."""


@dataclass(slots=True)
class Chat:
    """One conversation at one face. `decided` answers every confirmation without asking."""

    talk: Talk
    face: Face
    renew: Callable[[], Talk]
    decided: bool | None = None
    interrupts: Interrupts = field(default_factory=Interrupts)

    def once(self, text: str) -> int:
        """Asks one question. Returns an exit code; raises KeyboardInterrupt when it was stopped."""
        with self.interrupts:
            return self._once(text)

    def _once(self, text: str) -> int:
        code = self._turn(self.talk.ask(text))
        if self.talk.failed != OPEN_QUESTION:
            return code
        self.face.note("An earlier question is still open; it comes first.")
        code = self._turn(self.talk.answer([]))
        return self._turn(self.talk.ask(text)) if code == ANSWERED else code

    def loop(self) -> int:
        """Asks until there are no more questions. Returns the exit code of the last."""
        code = ANSWERED
        while True:
            try:
                text = self.face.question()
            except KeyboardInterrupt:
                continue
            if text is None:
                return code
            text = text.strip()
            if text == "/quit":
                return code
            if text.startswith("/"):
                self._command(text)
            elif text:
                code = self._guarded(text)

    def _guarded(self, text: str) -> int:
        """One question in a loop that goes on: an error is a line, Ctrl-C stops the answer."""
        try:
            return self.once(text)
        except KeyboardInterrupt:
            self.face.stopped()
        except SkerryError as error:
            self.face.stopped()
            self.face.note(f"{error} [{error.code}]")
        return FAILED

    def _turn(self, events: Generator[dict[str, Any]]) -> int:
        """Shows a run and the runs that answers to its questions begin."""
        while True:
            with closing(events):  # at once, not when somebody collects it: this ends the answer
                while (event := self._next(events)) is not None:
                    self.face.show(event)
            if self.talk.failed:
                return FAILED
            if not self.talk.interrupts:
                return ANSWERED
            replies = []
            for interrupt in self.talk.interrupts:
                approved = self.decided if self.decided is not None else self._confirm(interrupt)
                if approved is None:
                    where = f"--session {self.talk.id}"
                    self.face.note(f"Not confirmed. Ask again with {where} and --yes or --no to answer it.")
                    return UNCONFIRMED
                replies.append(Reply(str(interrupt["id"]), approved))
            events = self.talk.answer(replies)

    def _next(self, events: Generator[dict[str, Any]]) -> dict[str, Any] | None:
        with self.interrupts.allowed():
            return next(events, None)

    def _confirm(self, interrupt: Event) -> bool | None:
        with self.interrupts.allowed():
            return self.face.confirm(interrupt)

    def _command(self, text: str) -> None:
        name, face = text.partition(" ")[0], self.face
        if name == "/help":
            face.note("\n".join(f"{name:<10} {what}" for name, what in COMMANDS.items()))
        elif name == "/new":
            self.talk = self.renew()
            face.note(f"session {self.talk.id}")
        elif name == "/session":
            face.note(f"session {self.talk.id} of {self.talk.backend.name}")
        elif name in ("/tools", "/thinking", "/raw"):
            part = name[1:]
            setattr(face.shown, part, not getattr(face.shown, part))
            face.note(f"{part} {'shown' if getattr(face.shown, part) else 'hidden'}")
        else:
            face.note(f"There is no {name}. /help lists what there is.")
