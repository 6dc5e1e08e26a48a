"""A conversation store in memory: a fake of the port `skerry.store.records.KeptStore`, for tests of the agent.

It counts what it was asked (`reads`, `writes`), can be told to fail, and can be shared by several agents,
which then see one another's writes as two processes would.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from skerry.store.records import (
    MAX_PAGE,
    Conversation,
    ConversationConflictError,
    ConversationNotFoundError,
    Draft,
    Message,
    Page,
    State,
    StoreError,
)


@dataclass
class MemoryStore:
    """Conversations by id. `failing` makes every call a StoreError."""

    clock: Callable[[], float] = time.time
    lifetime: float = 86_400.0
    failing: bool = False
    writes: int = 0
    kept: dict[str, Conversation] = field(default_factory=dict)
    said: dict[str, list[Message]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def create(
        self, owner: str, identifier: str, *, title: str = "", metadata: Mapping[str, Any] | None = None
    ) -> Conversation:
        with self._working():
            if identifier in self.kept:
                raise ConversationConflictError("there is such a conversation already.")
            now = self.clock()
            made = Conversation(
                id=identifier,
                owner=owner,
                title=title,
                created=now,
                updated=now,
                expires=now + self.lifetime,
                metadata=dict(metadata or {}),
            )
            self.kept[identifier], self.said[identifier] = made, []
            return made

    def read(self, owner: str, identifier: str) -> Conversation:
        with self._working():
            found = self.kept.get(identifier)
            if found is None or found.owner != owner or found.expires <= self.clock():
                raise ConversationNotFoundError("there is no such conversation.")
            return copy.deepcopy(found)

    def messages(
        self, owner: str, identifier: str, *, after: int = 0, limit: int = MAX_PAGE
    ) -> Page[Message]:
        with self._working():
            self.read(owner, identifier)
            found = [item for item in self.said[identifier] if item.number > after]
            page = copy.deepcopy(found[:limit])
            return Page(page, str(page[-1].number) if len(found) > limit else "")

    def last(self, owner: str, identifier: str, count: int) -> Sequence[Message]:
        with self._working():
            self.read(owner, identifier)
            return copy.deepcopy(self.said[identifier][-count:])

    def write(
        self,
        conversation: Conversation,
        *,
        messages: Sequence[Draft] = (),
        state: State | None = None,
        title: str | None = None,
    ) -> Conversation:
        with self._working():
            found = self.read(conversation.owner, conversation.id)
            if found.version != conversation.version:
                raise ConversationConflictError("the conversation was changed in between.")
            now = self.clock()
            said = self.said[found.id]
            for draft in copy.deepcopy(list(messages)):
                number = len(said) + 1
                said.append(Message(number=number, created=now, **{k: getattr(draft, k) for k in _DRAFT}))
            self.writes += 1
            changed = replace(
                found,
                version=found.version + 1,
                count=len(said),
                updated=now,
                expires=now + self.lifetime,
                state=copy.deepcopy(dict(state)) if state is not None else found.state,
                title=found.title if title is None else title,
            )
            self.kept[found.id] = changed
            return copy.deepcopy(changed)

    def list(self, owner: str, *, limit: int = 20, cursor: str = "") -> Page[Conversation]:
        with self._working():
            mine = [item for item in self.kept.values() if item.owner == owner]
            mine.sort(key=lambda item: item.updated, reverse=True)
            start = int(cursor or 0)
            page = [replace(item, state={}) for item in mine[start : start + limit]]
            return Page(page, str(start + limit) if start + limit < len(mine) else "")

    def delete(self, owner: str, identifier: str) -> None:
        with self._working():
            self.read(owner, identifier)
            del self.kept[identifier], self.said[identifier]

    def purge(self, limit: int = MAX_PAGE) -> int:
        with self._working():
            gone = [item for item in self.kept.values() if item.expires <= self.clock()][:limit]
            for item in gone:
                del self.kept[item.id], self.said[item.id]
            return len(gone)

    def close(self) -> None:
        """Nothing to end."""

    def _working(self) -> threading.RLock:
        if self.failing:
            raise StoreError("the store does not answer.", hint="Is it there?")
        return self.lock


_DRAFT = ("role", "content", "metadata")
