"""What a store keeps: conversations and their messages, and the port that every store implements.

A conversation belongs to one owner; nobody else can tell that it exists. Its messages are only ever
appended, each an item of its own. `state` is what the agent needs to go on: small, opaque to the store,
replaced as a whole. Every write names the version that it was made from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from skerry.errors import SkerryError

MAX_PAGE = 100
"""Conversations or messages on one page at most."""

State = Mapping[str, Any]
Item = TypeVar("Item")


class StoreError(SkerryError):
    """The store cannot be reached, read or written; nothing was changed."""

    code = "SKY-501"


class ConversationNotFoundError(StoreError):
    """There is no such conversation, it has expired, or it belongs to somebody else: which, is not said."""

    code = "SKY-502"


class ConversationConflictError(StoreError):
    """Somebody wrote in between, or the conversation exists already: read again, then decide."""

    code = "SKY-503"


class CursorError(StoreError):
    """A cursor that is none, or was given to another owner."""

    code = "SKY-504"


class ContentError(StoreError):
    """What should be kept is too large, or is something else than JSON and bytes; nothing was changed."""

    code = "SKY-505"


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation:
    """A conversation without its messages. Times are seconds since the epoch.

    `version` begins at 1 and grows by one with each write; `count` is the number of messages.
    """

    id: str
    owner: str
    title: str = ""
    version: int = 1
    count: int = 0
    created: float
    updated: float
    expires: float
    metadata: Mapping[str, Any] = field(default_factory=dict)
    state: State = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A message that is to be appended; see Message."""

    role: str
    content: Sequence[Mapping[str, Any]]
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A message: its number from 1, `user` or `assistant`, and Bedrock content blocks (bytes allowed).

    `metadata` holds what is known beside it, such as model, token counts, cost and duration.
    """

    number: int
    role: str
    content: Sequence[Mapping[str, Any]]
    created: float
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of a list, and the cursor of the next part: empty at the end."""

    items: Sequence[Item]
    cursor: str = ""


class Store(Protocol):
    """A store of conversations. Safe for use by several threads and processes; calls block.

    Every method raises StoreError when the store does not work. Expired conversations are never shown.
    What is larger than `limits` says, or is not JSON and bytes, raises ContentError before anything is
    written. Pages hold `limit` items, at least 1 and at most MAX_PAGE.
    """

    def create(
        self, owner: str, identifier: str, *, title: str = "", metadata: Mapping[str, Any] | None = None
    ) -> Conversation:
        """A new conversation of version 1. Raises ConversationConflictError when the id is taken."""
        ...

    def read(self, owner: str, identifier: str) -> Conversation:
        """A conversation. Raises ConversationNotFoundError."""
        ...

    def messages(
        self, owner: str, identifier: str, *, after: int = 0, limit: int = MAX_PAGE
    ) -> Page[Message]:
        """Messages with numbers beyond `after`, oldest first; the cursor is the last number as text.

        Raises ConversationNotFoundError.
        """
        ...

    def last(self, owner: str, identifier: str, count: int) -> Sequence[Message]:
        """The newest `count` messages, oldest first. Raises ConversationNotFoundError."""
        ...

    def write(
        self,
        conversation: Conversation,
        *,
        messages: Sequence[Draft] = (),
        state: State | None = None,
        title: str | None = None,
    ) -> Conversation:
        """Appends messages and replaces state and title where given, all or nothing; renews the expiry.

        `conversation` is what was read before. Raises ConversationConflictError when its version is no
        longer the stored one, ConversationNotFoundError when it is gone.
        """
        ...

    def list(self, owner: str, *, limit: int = 20, cursor: str = "") -> Page[Conversation]:
        """The owner's conversations, newest first, without `state`. Raises CursorError for another's cursor.

        One that is created or written to while somebody turns pages is not repeated and displaces none.
        """
        ...

    def delete(self, owner: str, identifier: str) -> None:
        """Deletes a conversation with its messages. Raises ConversationNotFoundError."""
        ...

    def close(self) -> None:
        """Ends connections."""
        ...


class KeptStore(Store, Protocol):
    """A store with the care that its keeper takes of it."""

    def purge(self, limit: int = MAX_PAGE) -> int:
        """Deletes at most `limit` expired conversations of anybody; gives how many there were.

        0 as well from a store whose service deletes them by itself.
        """
        ...
