"""What Tab offers: commands, conversation ids, agents, tools and their arguments. No terminal here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from skerry.chat.commands.table import find, names
from skerry.chat.known import Known
from skerry.wire.shown import clean


@dataclass(frozen=True, slots=True)
class Candidate:
    """Text to put in place of the last `replaces` characters, and what to say about it."""

    text: str
    replaces: int
    about: str = ""


def candidates(line: str, known: Known) -> Iterable[Candidate]:
    """What can stand at the end of a line."""
    if not line.startswith("/") or "\n" in line:
        return
    name, blank, rest = line.partition(" ")
    if not blank:
        for found, about in names():
            if found.startswith(line):
                yield Candidate(found, len(line), about)
        return
    command = find(name)
    if command is None:
        return
    words = rest.split(" ")
    last = words[-1]
    for text, about in command.complete(known, words):
        if text.startswith(last) and text != last:
            yield Candidate(text, len(last), " ".join(clean(about).split())[:60])
