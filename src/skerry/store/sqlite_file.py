"""The file of the SQLite store and its connections.

Commits are durable: write-ahead log, synchronous FULL. A connection serves one thread at a time; as many are
open as there were calls at the same time, few of them longer than that.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skerry.store.records import StoreError
from skerry.store.sqlite_schema import migrate

BUSY = 30.0
"""Seconds that a call waits for writers before it."""

MAX_IDLE = 4
"""Connections that stay open for the next call."""

PRAGMAS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",  # macOS: through the drive's own cache
)


class DatabaseFile:
    """A database file, readable by its owner only; its folders are made. Raises StoreError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        _make(path)
        with self._failures():
            database = connect(path)
            try:
                migrate(database)
            except BaseException:
                database.close()
                raise
        self._idle.append(database)

    def close(self) -> None:
        """Closes what is idle at once, and what is in use when it is given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for database in idle:
            database.close()

    @contextmanager
    def transaction(self, kind: str = "") -> Iterator[sqlite3.Connection]:
        """A connection in a transaction (`IMMEDIATE` to write), which commits unless something is raised."""
        with self._failures():
            database = self._take()
            try:
                database.execute(f"BEGIN {kind}")
                try:
                    yield database
                    database.execute("COMMIT")
                except BaseException:
                    if database.in_transaction:
                        database.execute("ROLLBACK")
                    raise
            finally:
                self._give_back(database)

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise StoreError("the store is closed.")
            if self._idle:
                return self._idle.pop()
        return connect(self._path)

    def _give_back(self, database: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < MAX_IDLE:
                self._idle.append(database)
                return
        database.close()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            hint = (
                "Another program holds it; end that and repeat."
                if "locked" in str(error)
                else "Check the disk and the permissions of the file."
            )
            raise StoreError(f"the store {self._path} does not work: {error}.", hint=hint) from error


def connect(path: Path) -> sqlite3.Connection:
    """A connection with the settings that make a commit durable."""
    database = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
    try:
        # The mode stays with the file. Only whoever finds another one changes it, for which it must be alone.
        if database.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            database.execute("PRAGMA journal_mode = WAL")
        for pragma in PRAGMAS:
            database.execute(pragma)
    except BaseException:
        database.close()
        raise
    return database


def _make(path: Path) -> None:
    try:
        for folder in reversed(path.parents):
            folder.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except OSError as error:
        raise StoreError(
            f"the store {path} cannot be opened: {error.strerror or type(error).__name__}.",
            hint="Check the permissions, or name another file in SKERRY_STORE.",
        ) from error
