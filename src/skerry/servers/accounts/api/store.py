"""Accounts in SQLite (WAL). Every query names the tenant; there is no way to ask without one.

Methods block: call them in a thread. One connection, one lock: SQLite has one writer anyway.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skerry.errors import StateError

VERSION = 1
SCHEMA = """
CREATE TABLE accounts (
    tenant TEXT NOT NULL, id TEXT NOT NULL, holder TEXT NOT NULL, email TEXT NOT NULL, opened TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE TABLE activity (
    tenant TEXT NOT NULL, account TEXT NOT NULL, month TEXT NOT NULL, payments INTEGER NOT NULL,
    PRIMARY KEY (tenant, account, month),
    FOREIGN KEY (tenant, account) REFERENCES accounts (tenant, id)
) WITHOUT ROWID;
CREATE TABLE changes (
    number INTEGER PRIMARY KEY, tenant TEXT NOT NULL, account TEXT NOT NULL, at REAL NOT NULL,
    subject TEXT NOT NULL, actors TEXT NOT NULL, client TEXT NOT NULL, approval TEXT,
    old TEXT NOT NULL, new TEXT NOT NULL,
    FOREIGN KEY (tenant, account) REFERENCES accounts (tenant, id)
);
CREATE UNIQUE INDEX used_approvals ON changes (tenant, approval) WHERE approval IS NOT NULL;
"""


@dataclass(frozen=True, slots=True)
class Account:
    """One account of a tenant."""

    id: str
    holder: str
    email: str
    opened: str


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes something, as the token says.

    `actors` are those who act for the subject, the nearest first; `approval` is the confirmation that
    allows the change, which can be used once.
    """

    subject: str
    actors: tuple[str, ...] = ()
    client: str = ""
    approval: str | None = None


class ApprovalUsedError(Exception):
    """The approval of a change was used before; nothing was changed."""


class Store:
    """The database file. `close` it when done."""

    def __init__(self, path: Path, seed: Sequence[Mapping[str, Any]] = ()) -> None:
        """Opens or makes the database; a new one gets `seed`. Raises StateError."""
        self._lock = threading.Lock()
        try:
            if not path.parent.exists():
                path.parent.mkdir(mode=0o700, parents=True)
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            try:
                self._prepare(seed)
            except BaseException:
                self._db.close()
                raise
        except (OSError, sqlite3.Error) as error:
            raise StateError(
                f"the accounts database {path} cannot be used: {error}.",
                hint="Check its permissions, or name another file in ACCOUNTS_DATABASE.",
            ) from error

    def close(self) -> None:
        """Ends the connection; SQLite then folds its log into the file."""
        with self._lock:
            self._db.close()

    def account(self, tenant: str, identifier: str) -> Account | None:
        """The account, or None when this tenant has none of that id."""
        row = self._one(
            "SELECT id, holder, email, opened FROM accounts WHERE tenant = ? AND id = ?", tenant, identifier
        )
        return Account(*row) if row else None

    def set_email(self, tenant: str, identifier: str, email: str, *, author: Author, at: float) -> str | None:
        """Sets the address and writes who did it; returns the one before, or None without such account.

        Raises ApprovalUsedError. An address that is the same already is no change and writes nothing.
        """
        with self._transaction():
            row = self._db.execute(
                "SELECT email FROM accounts WHERE tenant = ? AND id = ?", (tenant, identifier)
            ).fetchone()
            if row is None:
                return None
            old = str(row[0])
            if self._used(tenant, author.approval):
                raise ApprovalUsedError
            if old != email:
                self._db.execute(
                    "UPDATE accounts SET email = ? WHERE tenant = ? AND id = ?", (email, tenant, identifier)
                )
                self._write_change(tenant, identifier, (old, email), author, at)
            return old

    def activity(self, tenant: str, identifier: str | None = None) -> list[tuple[str, int]]:
        """Payments per month, oldest first: of one account, or of all the tenant has."""
        with self._lock:
            rows = self._db.execute(
                "SELECT month, SUM(payments) FROM activity WHERE tenant = ? AND (? IS NULL OR account = ?) "
                "GROUP BY month ORDER BY month",
                (tenant, identifier, identifier),
            ).fetchall()
        return [(str(month), int(count)) for month, count in rows]

    def changes(self, tenant: str, identifier: str, limit: int = 100) -> list[dict[str, Any]]:
        """What was changed on an account, the latest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT at, subject, actors, client, approval, old, new FROM changes "
                "WHERE tenant = ? AND account = ? ORDER BY number DESC LIMIT ?",
                (tenant, identifier, limit),
            ).fetchall()
        names = ("at", "subject", "actors", "client", "approval", "old", "new")
        return [{**dict(zip(names, row, strict=True)), "actors": json.loads(row[2])} for row in rows]

    def _used(self, tenant: str, approval: str | None) -> bool:
        if approval is None:
            return False
        query = "SELECT 1 FROM changes WHERE tenant = ? AND approval = ?"
        return self._db.execute(query, (tenant, approval)).fetchone() is not None

    def _write_change(
        self, tenant: str, identifier: str, addresses: tuple[str, str], author: Author, at: float
    ) -> None:
        self._db.execute(
            "INSERT INTO changes (tenant, account, at, subject, actors, client, approval, old, new) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                tenant,
                identifier,
                at,
                author.subject,
                json.dumps(author.actors),
                author.client,
                author.approval,
                *addresses,
            ),
        )

    def _one(self, query: str, *values: str) -> Any:
        with self._lock:
            return self._db.execute(query, values).fetchone()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _prepare(self, seed: Sequence[Mapping[str, Any]]) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.execute("PRAGMA busy_timeout = 5000")
        with self._transaction():
            version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
            if version == VERSION:
                return
            if version != 0:
                raise sqlite3.DatabaseError(f"it has version {version}, this program knows {VERSION}")
            for statement in SCHEMA.split(";"):
                self._db.execute(statement)
            for entry in seed:
                self._insert(entry)
            self._db.execute(f"PRAGMA user_version = {VERSION}")

    def _insert(self, entry: Mapping[str, Any]) -> None:
        tenant, identifier = str(entry["tenant"]), str(entry["id"])
        self._db.execute(
            "INSERT INTO accounts VALUES (?, ?, ?, ?, ?)",
            (tenant, identifier, str(entry["holder"]), str(entry["email"]), str(entry["opened"])),
        )
        self._db.executemany(
            "INSERT INTO activity VALUES (?, ?, ?, ?)",
            [
                (tenant, identifier, month, int(count))
                for month, count in zip(months(str(entry["since"])), entry["activity"], strict=False)
            ],
        )


def months(first: str) -> Iterator[str]:
    """`first` (YYYY-MM) and the months after it, without end."""
    year, month = (int(part) for part in first.split("-"))
    count = year * 12 + month - 1
    while True:
        yield f"{count // 12:04d}-{count % 12 + 1:02d}"
        count += 1
