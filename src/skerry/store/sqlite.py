"""Conversations in a SQLite file: the store of one machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from skerry.store import cursor as cursors
from skerry.store import encoding, limits
from skerry.store.drafts import Times, Writing, conflict, not_found, opening
from skerry.store.records import (
    MAX_PAGE,
    Conversation,
    ConversationConflictError,
    Draft,
    Message,
    Page,
    State,
)
from skerry.store.sqlite_file import DatabaseFile
from skerry.store.sqlite_schema import LAST_NUMBER, place

PURGED_AT_ONCE = 10
"""Expired conversations that go when a new one is made."""

MAX_PURGED = 1000

_EXPIRED = "day <= ? AND expires <= ? LIMIT ?"
_COLUMNS = "id, owner, title, version, count, created, updated, expires, metadata"


class SqliteStore:
    """Implements `records.KeptStore`. `clock` gives seconds since the epoch, `lifetime` is in seconds."""

    def __init__(self, path: Path, *, clock: Callable[[], float], lifetime: float) -> None:
        self._file = DatabaseFile(path)
        self._clock = clock
        self._lifetime = lifetime

    def create(
        self, owner: str, identifier: str, *, title: str = "", metadata: Mapping[str, Any] | None = None
    ) -> Conversation:
        """See Store. Makes room: some that have expired go."""
        times = Times.at(self._clock(), self._lifetime)
        new = opening(owner, identifier, title=title, metadata=metadata, times=times)
        with self._file.transaction("IMMEDIATE") as database:
            _purge(database, "id = ? AND expires <= ?", (identifier, times.now))
            _purge(database, _EXPIRED, (_day(times.now), times.now, PURGED_AT_ONCE))
            try:
                database.execute(
                    "INSERT INTO conversations VALUES (NULL, ?, ?, ?, 1, 0, ?, ?, ?, ?, ?, '{}')",
                    (
                        identifier,
                        owner,
                        title,
                        times.now,
                        times.now,
                        times.expires,
                        _day(times.expires),
                        new.metadata,
                    ),
                )
            except sqlite3.IntegrityError as error:
                raise ConversationConflictError("the conversation exists already.") from error
        return new.conversation

    def read(self, owner: str, identifier: str) -> Conversation:
        """See Store."""
        with self._file.transaction() as database:
            key, row = self._find(database, owner, identifier)
            [state] = database.execute("SELECT state FROM conversations WHERE key = ?", (key,)).fetchone()
        return _conversation(row, state)

    def messages(
        self, owner: str, identifier: str, *, after: int = 0, limit: int = MAX_PAGE
    ) -> Page[Message]:
        """See Store."""
        size = limits.page_size(limit)
        with self._file.transaction() as database:
            key, row = self._find(database, owner, identifier)
            count = row[4]
            found = _messages(database, key, min(max(after, 0), count), size)
        end = found[-1].number if found else count
        return Page(found, str(end) if end < count else "")

    def last(self, owner: str, identifier: str, count: int) -> Sequence[Message]:
        """See Store."""
        with self._file.transaction() as database:
            key, row = self._find(database, owner, identifier)
            return _messages(database, key, max(row[4] - max(count, 0), 0), row[4])

    def write(
        self,
        conversation: Conversation,
        *,
        messages: Sequence[Draft] = (),
        state: State | None = None,
        title: str | None = None,
    ) -> Conversation:
        """See Store."""
        writing = Writing.of(conversation, messages, state, title)
        times = Times.at(self._clock(), self._lifetime)
        with self._file.transaction("IMMEDIATE") as database:
            found = database.execute(
                "SELECT key, version, count, day FROM conversations "
                "WHERE id = ? AND owner = ? AND expires > ?",
                (conversation.id, conversation.owner, times.now),
            ).fetchone()
            if found is None:
                raise not_found()
            key, version, count, day = found
            if version != conversation.version:
                raise conflict()
            changes: dict[str, Any] = {
                "version": version + 1,
                "count": count + len(writing.bodies),
                "updated": times.now,
                "expires": times.expires,
                "title": writing.title,
            }
            if writing.state is not None:
                changes["state"] = writing.state
            if day != _day(times.expires):
                changes["day"] = _day(times.expires)
            assignments = ", ".join(f"{name} = ?" for name in changes)
            database.execute(
                f"UPDATE conversations SET {assignments} WHERE key = ?",  # noqa: S608
                (*changes.values(), key),
            )
            for number, (role, body) in enumerate(writing.bodies, count + 1):
                database.execute(
                    "INSERT INTO messages VALUES (?, ?, ?, ?)", (place(key, number), role, times.now, body)
                )
        return writing.after(times)

    def list(self, owner: str, *, limit: int = 20, cursor: str = "") -> Page[Conversation]:
        """See Store."""
        limits.check_names(owner)
        size = limits.page_size(limit)
        beyond: tuple[Any, ...] = cursors.read(owner, cursor) if cursor else ()
        with self._file.transaction() as database:
            found = database.execute(
                f"SELECT {_COLUMNS} FROM conversations WHERE owner = ? AND expires > ? "  # noqa: S608
                f"{'AND (updated, id) < (?, ?) ' if beyond else ''}ORDER BY updated DESC, id DESC LIMIT ?",
                (owner, self._clock(), *beyond, size + 1),
            ).fetchall()
        shown = [_conversation(row) for row in found[:size]]
        more = len(found) > size
        end = cursors.write(owner, cursors.Position(shown[-1].updated, shown[-1].id)) if more else ""
        return Page(shown, end)

    def delete(self, owner: str, identifier: str) -> None:
        """See Store."""
        with self._file.transaction("IMMEDIATE") as database:
            self._find(database, owner, identifier)
            _purge(database, "id = ?", (identifier,))

    def purge(self, limit: int = MAX_PAGE) -> int:
        """See KeptStore."""
        with self._file.transaction("IMMEDIATE") as database:
            now = self._clock()
            return _purge(database, _EXPIRED, (_day(now), now, min(max(limit, 0), MAX_PURGED)))

    def close(self) -> None:
        """See Store."""
        self._file.close()

    def _find(self, database: sqlite3.Connection, owner: str, identifier: str) -> tuple[int, tuple[Any, ...]]:
        limits.check_names(owner, identifier)
        row = database.execute(
            f"SELECT key, {_COLUMNS} FROM conversations "  # noqa: S608
            "WHERE id = ? AND owner = ? AND expires > ?",
            (identifier, owner, self._clock()),
        ).fetchone()
        if row is None:
            raise not_found()
        return row[0], row[1:]


def _day(moment: float) -> int:
    return int(moment // 86400)


def _conversation(row: Sequence[Any], state: str = "{}") -> Conversation:
    names = _COLUMNS.split(", ")
    values = dict(zip(names, row, strict=True))
    return Conversation(**values | {"metadata": encoding.load(row[8]), "state": encoding.load(state)})


def _messages(database: sqlite3.Connection, key: int, after: int, limit: int) -> list[Message]:
    found = database.execute(
        "SELECT place, role, created, body FROM messages WHERE place > ? AND place <= ? "
        "ORDER BY place LIMIT ?",
        (place(key, after), place(key, LAST_NUMBER), limit),
    )
    return [encoding.message(where - place(key, 0), *rest) for where, *rest in found]


def _purge(database: sqlite3.Connection, which: str, values: tuple[Any, ...]) -> int:
    keys = database.execute(f"SELECT key FROM conversations WHERE {which}", values).fetchall()  # noqa: S608
    for (key,) in keys:
        ends = (place(key, 0), place(key, LAST_NUMBER))
        database.execute("DELETE FROM messages WHERE place BETWEEN ? AND ?", ends)
        database.execute("DELETE FROM conversations WHERE key = ?", (key,))
    return len(keys)
