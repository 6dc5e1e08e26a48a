"""What a realm remembers: people, registered clients, codes, refresh tokens, consents, used assertions.

One SQLite file (0600) for all realms, one thread that uses it; two processes may have it open at once, so
`skerry idp` changes what a running provider sees. A record is JSON under a kind and a key, ends by itself at
its time, and may belong to a group that ends as a whole (the tokens of one sign-in).

What must happen once is one statement: `add` finds replays, `move` spends a code or a refresh token.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from skerry.errors import StateError

Value = Mapping[str, Any]
Result = TypeVar("Result")

MIGRATIONS: tuple[str, ...] = (
    """
    create table records (
        realm text not null,
        kind text not null,
        key text not null,
        body text not null,
        family text not null,
        expires real,
        primary key (realm, kind, key)
    ) without rowid;
    create index by_family on records (realm, family) where family <> '';
    create index by_expiry on records (expires) where expires is not null;
    """,
)
"""Statements that bring the file from version N to N + 1; only ever appended to."""

_OF_CLIENT = "from records where realm = ? and json_extract(body, '$.client_id') = ?"

SWEEP_SECONDS = 60.0
"""How often expired records are removed; they are invisible from their time on."""


class Database:
    """The file, or memory when `file` is None. `clock` gives seconds since the epoch.

    Opened at the first use. Every method of it and of `Records` may raise StateError.
    """

    def __init__(self, file: Path | None, *, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._file = file
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="skerry-idp-records")
        self._connection: sqlite3.Connection | None = None
        self._swept = 0.0

    async def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """The result of `work`, done as one transaction in the thread of the file."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transaction, work)

    def close(self) -> None:
        """Ends the thread and closes the file; safe to call twice."""

        def end() -> None:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

        try:
            self._thread.submit(end).result()
        except RuntimeError:  # the thread has ended already
            return
        self._thread.shutdown()

    def _transaction(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            connection = self._connection or self._open()
            connection.execute("begin immediate")
            try:
                now = self.clock()
                if abs(now - self._swept) >= SWEEP_SECONDS:
                    connection.execute("delete from records where expires <= ?", (now,))
                    self._swept = now
                result = work(connection)
            except BaseException:
                connection.execute("rollback")
                raise
            connection.execute("commit")
            return result
        except (sqlite3.Error, OSError) as error:
            raise StateError(
                f"the identity provider's records in {self._file or 'memory'} cannot be used: {error}.",
                hint="Check the disk and the permissions, or start with another --state directory.",
            ) from error

    def _open(self) -> sqlite3.Connection:
        if self._file is not None:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._file, os.O_WRONLY | os.O_CREAT, 0o600))  # SQLite's other files follow it
        connection = sqlite3.connect(
            self._file or ":memory:", isolation_level=None, check_same_thread=False, timeout=5.0
        )
        try:
            connection.execute("pragma journal_mode=wal")
            connection.execute("pragma synchronous=normal")
            (version,) = connection.execute("pragma user_version").fetchone()
            if version > len(MIGRATIONS):
                raise StateError(
                    f"{self._file} was written by a newer skerry (version {version} of the file).",
                    hint="Use that skerry, or another --state directory.",
                )
            for number, script in enumerate(MIGRATIONS[version:], version + 1):
                connection.executescript(f"begin; {script}; pragma user_version = {number}; commit;")
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection


@dataclass(frozen=True, slots=True)
class Records:
    """The records of one realm. `family` groups records that end together; `expires` is epoch seconds."""

    database: Database
    realm: str

    async def get(self, kind: str, key: str) -> Value | None:
        """The record, or None when there is none or its time is over."""
        return await self.database.run(lambda connection: self._live(connection, kind, key))

    async def put(
        self, kind: str, key: str, value: Value, *, family: str = "", expires: float | None = None
    ) -> None:
        """Stores a record in place of any that is there."""
        row = (self.realm, kind, key, json.dumps(value), family, expires)
        await self.database.run(
            lambda connection: connection.execute(
                "insert or replace into records values (?, ?, ?, ?, ?, ?)", row
            )
        )

    async def add(
        self, kind: str, key: str, value: Value, *, family: str = "", expires: float | None = None
    ) -> bool:
        """Stores a record unless a live one is there; whether it did. For what may happen once."""
        row = (self.realm, kind, key, json.dumps(value), family, expires)

        def work(connection: sqlite3.Connection) -> bool:
            if self._live(connection, kind, key) is not None:
                return False
            connection.execute("insert or replace into records values (?, ?, ?, ?, ?, ?)", row)
            return True

        return await self.database.run(work)

    async def move(self, kind: str, key: str, to: str) -> Value | None:
        """Moves a live record to the kind `to`, once; the record, or None when none was there."""

        def work(connection: sqlite3.Connection) -> Value | None:
            found = self._live(connection, kind, key)
            if found is not None:
                connection.execute(
                    "update or replace records set kind=? where realm=? and kind=? and key=?",
                    (to, self.realm, kind, key),
                )
            return found

        return await self.database.run(work)

    async def extend(self, kind: str, key: str, expires: float) -> Value | None:
        """Gives a live record another end; the record, or None when none was there."""

        def work(connection: sqlite3.Connection) -> Value | None:
            found = self._live(connection, kind, key)
            if found is not None:
                connection.execute(
                    "update records set expires=? where realm=? and kind=? and key=?",
                    (expires, self.realm, kind, key),
                )
            return found

        return await self.database.run(work)

    async def rewrite(self, kind: str, key: str, value: Value) -> bool:
        """Gives a live record another body, while its end stays; whether one was there."""

        def work(connection: sqlite3.Connection) -> bool:
            return bool(
                connection.execute(
                    "update records set body=? where realm=? and kind=? and key=?"
                    " and (expires is null or expires > ?)",
                    (json.dumps(value), self.realm, kind, key, self.database.clock()),
                ).rowcount
            )

        return await self.database.run(work)

    async def keep(self, kind: str, key: str) -> None:
        """Takes the end away from a live record."""
        now = self.database.clock()
        await self.database.run(
            lambda connection: connection.execute(
                "update records set expires=null where realm=? and kind=? and key=? and expires > ?",
                (self.realm, kind, key, now),
            )
        )

    async def drop_soonest(self, kind: str) -> bool:
        """Removes the live record of a kind that would end first; False when none has an end."""
        now = self.database.clock()

        def work(connection: sqlite3.Connection) -> bool:
            return bool(
                connection.execute(
                    "delete from records where realm=:realm and kind=:kind and key=(select key from records"
                    " where realm=:realm and kind=:kind and expires > :now order by expires limit 1)",
                    {"realm": self.realm, "kind": kind, "now": now},
                ).rowcount
            )

        return await self.database.run(work)

    async def drop(self, kind: str, key: str) -> bool:
        """Removes a record; whether a live one was there."""

        def work(connection: sqlite3.Connection) -> bool:
            found = self._live(connection, kind, key)
            connection.execute(
                "delete from records where realm=? and kind=? and key=?", (self.realm, kind, key)
            )
            return found is not None

        return await self.database.run(work)

    async def drop_family(self, family: str) -> int:
        """Removes every record of a family, of whatever kind; how many there were."""
        return await self.database.run(
            lambda connection: (
                connection.execute(
                    "delete from records where realm=? and family=?", (self.realm, family)
                ).rowcount
            )
        )

    async def drop_client(self, client_id: str) -> int:
        """Removes each record that has a client in its `client_id`, and the families of these; how many."""

        def work(connection: sqlite3.Connection) -> int:
            # First, as a select inside the delete would not see what that has removed already.
            families = {
                row[0] for row in connection.execute(f"select family {_OF_CLIENT}", (self.realm, client_id))
            }
            dropped = connection.execute(f"delete {_OF_CLIENT}", (self.realm, client_id)).rowcount
            for family in families - {""}:
                dropped += connection.execute(
                    "delete from records where realm=? and family=?", (self.realm, family)
                ).rowcount
            return dropped

        return await self.database.run(work)

    async def expires(self, kind: str, key: str) -> float | None:
        """When a record ends (epoch seconds); None when it has no end, or is not there."""

        def work(connection: sqlite3.Connection) -> float | None:
            row = connection.execute(
                "select expires from records where realm=? and kind=? and key=?", (self.realm, kind, key)
            ).fetchone()
            return None if row is None else row[0]

        return await self.database.run(work)

    async def count(self, kind: str) -> int:
        """How many live records of a kind there are."""
        row = (self.realm, kind, self.database.clock())

        def work(connection: sqlite3.Connection) -> int:
            (found,) = connection.execute(
                "select count(*) from records where realm=? and kind=? and (expires is null or expires > ?)",
                row,
            ).fetchone()
            return int(found)

        return await self.database.run(work)

    async def all(self, kind: str) -> list[tuple[str, Value]]:
        """The live records of a kind with their keys, in the order of the keys."""
        now = self.database.clock()

        def work(connection: sqlite3.Connection) -> list[tuple[str, Value]]:
            rows = connection.execute(
                "select key, body from records where realm=? and kind=?"
                " and (expires is null or expires > ?) order by key",
                (self.realm, kind, now),
            )
            return [(key, json.loads(body)) for key, body in rows]

        return await self.database.run(work)

    def _live(self, connection: sqlite3.Connection, kind: str, key: str) -> Value | None:
        row = connection.execute(
            "select body from records where realm=? and kind=? and key=?"
            " and (expires is null or expires > ?)",
            (self.realm, kind, key, self.database.clock()),
        ).fetchone()
        if row is None:
            return None
        value: Value = json.loads(row[0])
        return value
