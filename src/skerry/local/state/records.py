"""Control-plane records in SQLite: one file, one thread that writes it.

A commit is acknowledged after SQLite's own commit in WAL mode, so an acknowledged write survives the end
of the process however it comes. `synchronous=NORMAL` leaves out the flush to the disk at each commit: a
power failure may lose the last writes, never the file. What was written over or removed is overwritten in the
file, and secrets that an earlier skerry left open are sealed when the file is opened.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from skerry.errors import StateError
from skerry.local.state import private
from skerry.local.state.record_codec import Codec, Plain
from skerry.local.state.sealing import SealError

Record = Mapping[str, Any]
Result = TypeVar("Result")

MIGRATIONS: tuple[str, ...] = (
    """
    create table records (
        sequence integer primary key autoincrement,
        kind text not null,
        key text not null,
        body text not null,
        unique (kind, key)
    );
    create table answers (
        operation text not null,
        token text not null,
        fingerprint text not null,
        output text not null,
        at real not null,
        primary key (operation, token)
    );
    """,
)
"""Statements that bring the file from version N to N + 1; only ever appended to."""
VERSION = len(MIGRATIONS) + 1
"""Of the file. The last step is the codec's: records of an earlier skerry are taken and written anew once."""


@dataclass(frozen=True, slots=True)
class Write:
    """One record to store, or to remove when `record` is None. A stored one keeps its place in the order."""

    kind: str
    key: str
    record: Record | None


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that its `clientToken` gives again; `fingerprint` is a digest of the input."""

    operation: str
    token: str
    fingerprint: str
    output: Record
    at: float


@dataclass(frozen=True, slots=True)
class Loaded:
    """Everything in the file: records by kind and key, oldest first, and answers by operation and token."""

    records: dict[str, dict[str, Record]]
    answers: dict[tuple[str, str], Answered]


class RecordStore:
    """The file. `open` first, `close` last; commits are done in the order in which they are asked for.

    `codec` is how records are written; without it they are plain JSON. A file that is `owned` is this
    process's alone while it is open: another one would not see what this one keeps in memory.
    """

    def __init__(self, path: Path, codec: Codec | None = None, *, owned: bool = False) -> None:
        self._path = path
        self._owned = owned
        self._codec: Codec = codec or Plain()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="skerry-records")
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> Loaded:
        """Opens or makes the file (0600) and reads it. Raises StateError when that cannot be done."""
        return await self._run(self._open)

    async def commit(
        self, writes: Sequence[Write], answered: Answered | None, *, forget_before: float
    ) -> None:
        """Stores everything or nothing; answers older than `forget_before` go. Raises StateError."""
        await self._run(lambda: self._commit(writes, answered, forget_before))

    async def close(self) -> None:
        """Closes the file; safe to call twice."""
        if self._connection is not None:
            await self._run(self._close)
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[], Result]) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except SealError as error:
            raise StateError(
                f"the state file {self._path} holds secrets that do not open: it or its key was changed.",
                hint="Bring vault.key back from a copy, or start with another --state directory.",
            ) from error
        except sqlite3.OperationalError as error:
            if not self._owned or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise self._unusable(error) from error
            raise StateError(
                f"the state file {self._path} is in use by another process.",
                hint="End the other stack, or start with another --state directory.",
            ) from error
        except (sqlite3.Error, OSError, ValueError) as error:  # ValueError: a record that is no JSON
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> StateError:
        return StateError(
            f"the state file {self._path} cannot be used: {error}.",
            hint="Check the disk and the permissions, or start with another --state directory.",
        )

    def _open(self) -> Loaded:
        private.folder(self._path.parent)
        private.appending(self._path).close()  # SQLite gives its own files the mode of this one
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, timeout=1.0 if self._owned else 5.0
        )
        try:
            if self._owned:
                connection.execute("pragma locking_mode=exclusive")
            connection.execute("pragma journal_mode=wal")
            if self._owned:
                connection.executescript("begin exclusive; commit;")  # from now on, until the end
            connection.execute("pragma synchronous=normal")
            connection.execute("pragma secure_delete=on")  # what was a secret is not left in free pages
            self._migrate(connection)
            loaded = self._load(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return loaded

    def _migrate(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("pragma user_version").fetchone()
        if version > VERSION:
            raise StateError(
                f"{self._path} was written by a newer skerry (version {version} of the file).",
                hint="Use that skerry, or another --state directory.",
            )
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            connection.executescript(f"begin; {script}; pragma user_version = {number}; commit;")

    def _commit(self, writes: Sequence[Write], answered: Answered | None, forget_before: float) -> None:
        assert self._connection is not None, "commit before open"
        with _Transaction(self._connection) as connection:
            for write in writes:
                if write.record is None:
                    connection.execute("delete from records where kind=? and key=?", (write.kind, write.key))
                    continue
                connection.execute(
                    "insert into records (kind, key, body) values (?, ?, ?)"
                    " on conflict (kind, key) do update set body=excluded.body",
                    (write.kind, write.key, self._codec.dump(write.kind, write.key, write.record)),
                )
            connection.execute("delete from answers where at < ?", (forget_before,))
            if answered is not None:
                connection.execute(
                    "insert or replace into answers values (?, ?, ?, ?, ?)",
                    (
                        answered.operation,
                        answered.token,
                        answered.fingerprint,
                        json.dumps(answered.output),
                        answered.at,
                    ),
                )

    def _load(self, connection: sqlite3.Connection) -> Loaded:
        records: dict[str, dict[str, Record]] = {}
        (version,) = connection.execute("pragma user_version").fetchone()
        earlier = version < VERSION
        for kind, key, body in connection.execute("select kind, key, body from records order by sequence"):
            records.setdefault(kind, {})[key] = self._codec.load(kind, key, body, earlier=earlier)
        if earlier:
            self._write_anew(connection, records)
        answers = {
            (operation, token): Answered(operation, token, fingerprint, json.loads(output), at)
            for operation, token, fingerprint, output, at in connection.execute(
                "select operation, token, fingerprint, output, at from answers"
            )
        }
        return Loaded(records, answers)

    def _write_anew(self, connection: sqlite3.Connection, records: dict[str, dict[str, Record]]) -> None:
        """Brings all records into the codec's present form; nothing of what was open stays in the file."""
        rows = [
            (self._codec.dump(kind, key, record), kind, key)
            for kind, found in records.items()
            for key, record in found.items()
        ]
        with _Transaction(connection):
            connection.executemany("update records set body=? where kind=? and key=?", rows)
            connection.execute(f"pragma user_version = {VERSION}")
        if rows:
            connection.execute("pragma wal_checkpoint(truncate)")  # the log has what was there before
            connection.execute("vacuum")
            connection.execute("pragma wal_checkpoint(truncate)")

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Transaction:
    """`begin immediate` … `commit`, or `rollback` when the block raises."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> sqlite3.Connection:
        self._connection.execute("begin immediate")
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._connection.execute("commit" if kind is None else "rollback")
