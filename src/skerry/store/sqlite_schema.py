"""The tables of the SQLite store, and how an older file becomes a newer one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from skerry.store.records import StoreError


def _tables(database: sqlite3.Connection) -> None:
    """Version 1. An append touches as few pages as can be.

    A message's `place` is made of its conversation's `key` and its number (see `place`): the messages of a
    conversation lie together, in order, and need no index besides. `day` is the day on which a conversation
    expires: its index changes once a day and not with each message.
    """
    for statement in (
        """CREATE TABLE conversations (
             key INTEGER PRIMARY KEY,
             id TEXT NOT NULL UNIQUE,
             owner TEXT NOT NULL,
             title TEXT NOT NULL,
             version INTEGER NOT NULL,
             count INTEGER NOT NULL,
             created REAL NOT NULL,
             updated REAL NOT NULL,
             expires REAL NOT NULL,
             day INTEGER NOT NULL,
             metadata TEXT NOT NULL,
             state TEXT NOT NULL)""",
        "CREATE INDEX conversations_by_owner ON conversations (owner, updated)",
        "CREATE INDEX conversations_by_day ON conversations (day)",
        """CREATE TABLE messages (
             place INTEGER PRIMARY KEY,
             role TEXT NOT NULL,
             created REAL NOT NULL,
             body TEXT NOT NULL)""",
    ):
        database.execute(statement)


def place(key: int, number: int) -> int:
    """Where a message is kept: beside its conversation's others, by number."""
    return key << 32 | number


LAST_NUMBER = (1 << 32) - 1

MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_tables,)
"""Each makes the next version out of the one before; a file's `user_version` counts those it has had."""


def migrate(database: sqlite3.Connection) -> None:
    """Brings a file up to date, once however many processes try. Raises StoreError for a stranger's file."""
    if _version(database) == len(MIGRATIONS):
        return
    database.execute("BEGIN IMMEDIATE")
    try:
        version = _version(database)
        if version > len(MIGRATIONS):
            raise StoreError(
                f"the store has version {version}, this skerry knows {len(MIGRATIONS)}.",
                hint="Update skerry.",
            )
        if version == 0 and database.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
            raise StoreError("the file is a database of something else.", hint="Name another file.")
        for migration in MIGRATIONS[version:]:
            migration(database)
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        database.execute("COMMIT")
    except BaseException:
        database.execute("ROLLBACK")
        raise


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])
