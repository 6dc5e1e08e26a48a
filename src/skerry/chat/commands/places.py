"""Commands about where: which agent, which region."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from skerry.chat.known import Known
from skerry.chat.main import Chat
from skerry.errors import ConfigurationError
from skerry.wire.arn import is_arn

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")


def agent(chat: Chat, text: str) -> None:
    """The list, or another agent with a new conversation."""
    if not text:
        chat.agents = chat.list_agents()
        heads = ("number", "agent", "version", "status", "arn")
        rows = [
            (str(number), item.name, item.version, item.status, item.arn)
            for number, item in enumerate(chat.agents, 1)
        ]
        told = [
            column for column in range(len(heads)) if any(row[column] for row in rows)
        ]  # a stack tells less
        chat.face.listing(
            [heads[column] for column in told], [[row[column] for column in told] for row in rows]
        )
        chat.face.note(f"now: {chat.talk.backend.name}")
        return
    if "://" in text:
        chat.enter(replace(chat.wanted, url=text, agent=""))
    else:
        chat.enter(replace(chat.wanted, url="", agent=_named(chat, text)))
    chat.face.note(f"{chat.talk.backend.name} · session {chat.talk.id}")


def region(chat: Chat, text: str) -> None:
    """The region of the client context, and of the list of agents; an agent stays where it is."""
    if text:
        if not _REGION.fullmatch(text):
            raise ConfigurationError(f"{text!r} is no region.", hint="One is like eu-central-1.")
        chat.talk.backend.region = text
        chat.known.forget()
    chat.face.note(f"region {chat.talk.backend.region}")


def agent_names(known: Known, words: Sequence[str]) -> Iterable[tuple[str, str]]:
    return [(item.name, item.arn) for item in known.agents()] if len(words) == 1 else []


def _named(chat: Chat, text: str) -> str:
    """An ARN or a name that `find` understands: a number and a name on AWS become an ARN."""
    if is_arn(text):
        return text
    listed = chat.agents or chat.list_agents()
    if text.isdecimal() and len(text) < 6 and 1 <= int(text) <= len(listed):
        return listed[int(text) - 1].arn
    found = [item.arn for item in listed if item.name == text]
    if len(found) != 1:
        known = ", ".join(item.name for item in listed) or "none"
        raise ConfigurationError(f"there is no agent '{text}'.", hint=f"Known: {known}. An ARN works too.")
    return found[0]
