"""What is to be written, checked and turned into text before a store is touched."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from skerry.store import encoding, limits
from skerry.store.records import (
    Conversation,
    ConversationConflictError,
    ConversationNotFoundError,
    Draft,
    State,
)


@dataclass(frozen=True, slots=True)
class Times:
    """When a write happens, and when what it touched expires: whole seconds, as DynamoDB's TTL has them."""

    now: float
    expires: float

    @classmethod
    def at(cls, now: float, lifetime: float) -> Times:
        """The times of a write at `now`."""
        return cls(now, float(math.ceil(now + lifetime)))


@dataclass(frozen=True, slots=True)
class Opening:
    """A conversation that is to be created, and its metadata as text."""

    conversation: Conversation
    metadata: str


def opening(
    owner: str, identifier: str, *, title: str, metadata: Mapping[str, Any] | None, times: Times
) -> Opening:
    """Checks a new conversation. Raises ContentError."""
    limits.check_names(owner, identifier)
    limits.check_title(title)
    about = encoding.dump(metadata or {})
    limits.check_metadata(about)
    made = Conversation(
        id=identifier,
        owner=owner,
        title=title,
        created=times.now,
        updated=times.now,
        expires=times.expires,
        metadata=encoding.load(about),
    )
    return Opening(made, about)


@dataclass(frozen=True, slots=True)
class Writing:
    """A write as text: each message's role and body; `state` is None where it stays as it is."""

    before: Conversation
    bodies: Sequence[tuple[str, str]]
    title: str
    state: str | None

    @classmethod
    def of(
        cls, conversation: Conversation, messages: Sequence[Draft], state: State | None, title: str | None
    ) -> Writing:
        """Checks a write. Raises ContentError."""
        limits.check_names(conversation.owner, conversation.id)
        title = conversation.title if title is None else title
        limits.check_title(title)
        bodies = [(message.role, encoding.dump_message(message)) for message in messages]
        for _, body in bodies:
            limits.check_message(body)
        kept = None if state is None else encoding.dump(state)
        if kept is not None:
            limits.check_state(kept)
        return cls(conversation, bodies, title, kept)

    def after(self, times: Times) -> Conversation:
        """The conversation as it is when the write has happened."""
        return replace(
            self.before,
            version=self.before.version + 1,
            count=self.before.count + len(self.bodies),
            updated=times.now,
            expires=times.expires,
            title=self.title,
            state=self.before.state if self.state is None else encoding.load(self.state),
        )


def conflict() -> ConversationConflictError:
    """The stored version is another one than that which was read."""
    return ConversationConflictError(
        "somebody wrote to the conversation in between.", hint="Read it again, then decide."
    )


def not_found() -> ConversationNotFoundError:
    """Absent, expired and somebody else's are told alike."""
    return ConversationNotFoundError("there is no such conversation.", hint="It may have expired.")
