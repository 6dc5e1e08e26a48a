"""What is SQLite's own: the file, its permissions, its versions, its connections, its purge."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from skerry.store import sqlite_schema
from skerry.store.open import open_store
from skerry.store.records import ConversationNotFoundError, Draft, KeptStore, StoreError
from skerry.store.sqlite_file import MAX_IDLE, connect
from tests.store.conftest import LIFETIME, Place

OPENER = """
import sys
from skerry.store.open import open_store
print("ready", flush=True)
sys.stdin.readline()
store = open_store(sys.argv[1], clock=lambda: 1.8e9, lifetime=100.0)
store.create("me", sys.argv[2])
store.close()
"""


def path(place: Place) -> Path:
    return Path(place.url.removeprefix("sqlite:///"))


def filled(store: KeptStore, names: range) -> None:
    for name in names:
        conversation = store.create("me", f"c{name}")
        store.write(conversation, messages=[Draft(role="user", content=[{"text": str(name)}])] * 3)


def rows(file: Path) -> tuple[int, int]:
    """The number of conversations and of messages that the file has."""
    database = sqlite3.connect(file)
    try:
        return tuple(
            database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("conversations", "messages")
        )
    finally:
        database.close()


@pytest.mark.behaviour("ST-PRIVATE")
@pytest.mark.skipif(sys.platform == "win32", reason="modes")
def test_the_file_and_its_folders_are_for_their_owner_only(file: Place) -> None:
    store = file.open()
    store.create("me", "c")
    made = path(file)
    beside = list(made.parent.iterdir())
    assert {entry.name for entry in beside} == {made.name, f"{made.name}-wal", f"{made.name}-shm"}
    assert {stat.S_IMODE(entry.stat().st_mode) for entry in beside} == {0o600}
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (made.parent, made.parent.parent)} == {0o700}


@pytest.mark.behaviour("ST-PRIVATE")
@pytest.mark.skipif(sys.platform == "win32", reason="modes")
def test_a_file_that_others_could_read_is_closed_to_them(file: Place) -> None:
    path(file).parent.mkdir(parents=True)
    path(file).touch(0o644)
    file.open()
    assert stat.S_IMODE(path(file).stat().st_mode) == 0o600


@pytest.mark.behaviour("ST-DURABLE")
def test_commits_are_durable(file: Place) -> None:
    file.open()
    database = connect(path(file))
    try:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert database.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    finally:
        database.close()


def test_many_processes_may_make_the_same_file(file: Place) -> None:
    path(file).parent.mkdir(parents=True)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, file.url, f"c{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    assert [(process.communicate()[0], process.returncode) for process in processes] == [("", 0)] * 8
    assert len(file.open().list("me").items) == 8


def test_a_file_of_something_else_is_left_alone(file: Place) -> None:
    path(file).parent.mkdir(parents=True)
    database = sqlite3.connect(path(file))
    database.execute("CREATE TABLE theirs (x)")
    database.close()
    with pytest.raises(StoreError, match="something else"):
        file.open()
    path(file).write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match="does not work"):
        file.open()


def test_a_newer_file_is_left_alone(file: Place) -> None:
    file.open().close()
    database = sqlite3.connect(path(file))
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreError) as caught:
        file.open()
    assert caught.value.hint == "Update skerry."


def test_every_version_that_there_was_becomes_the_newest(file: Place) -> None:
    """Each migration after the first is tried on a file of the version before it."""
    for version in range(1, len(sqlite_schema.MIGRATIONS) + 1):
        made = path(file).parent / f"{version}.db"
        made.parent.mkdir(parents=True, exist_ok=True)
        database = connect(made)
        for migration in sqlite_schema.MIGRATIONS[:version]:
            migration(database)
        database.execute(f"PRAGMA user_version = {version}")
        sqlite_schema.migrate(database)
        assert database.execute("PRAGMA user_version").fetchone() == (len(sqlite_schema.MIGRATIONS),)
        database.close()


def test_a_migration_that_fails_leaves_the_file_as_it_was(file: Place) -> None:
    path(file).parent.mkdir(parents=True)
    database = connect(path(file))
    database.execute("CREATE VIEW conversations_by_owner AS SELECT 1")
    database.execute("PRAGMA user_version = 0")
    with pytest.raises(StoreError):
        sqlite_schema.migrate(database)
    assert database.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (1,)
    assert not database.in_transaction
    database.close()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, file: Place) -> None:
    (tmp_path / "a").write_text("a file, no folder")
    with pytest.raises(StoreError) as caught:
        file.open()
    assert str(path(file)) in caught.value.message


@pytest.mark.behaviour("ST-PURGE")
def test_what_has_expired_goes_in_bounded_steps(file: Place) -> None:
    store = file.open()
    filled(store, range(30))
    assert rows(path(file)) == (30, 90)
    file.clock.advance(LIFETIME + 1)
    store.create("other", "fresh")
    assert rows(path(file)) == (21, 60)
    assert store.purge(5) == 5
    assert rows(path(file)) == (16, 45)
    assert store.purge() == 15
    assert rows(path(file)) == (1, 0)
    assert store.purge() == 0


@pytest.mark.behaviour("ST-PURGE")
def test_what_was_written_to_since_is_not_purged(file: Place) -> None:
    store = file.open()
    filled(store, range(2))
    file.clock.advance(LIFETIME - 100)
    store.write(store.read("me", "c0"), state={"a": 1})
    file.clock.advance(200)
    assert store.purge() == 1
    assert store.read("me", "c0").state == {"a": 1}
    with pytest.raises(ConversationNotFoundError):
        store.read("me", "c1")
    file.clock.advance(LIFETIME)
    assert store.purge() == 1


def test_a_longer_and_a_shorter_life_hold_from_the_next_write(file: Place) -> None:
    store = file.open()
    made = store.create("me", "c")
    short = file.open(lifetime=10.0)
    assert short.write(made, state={}).expires == file.clock.time() + 10
    file.clock.advance(11)
    assert store.purge() == 1


def test_few_connections_stay_open_and_none_after_the_end(file: Place) -> None:
    store = file.open()
    store.create("me", "c")
    for _ in range(6):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: store.read("me", "c"), range(80)))
    descriptors = Path("/proc/self/fd")
    if descriptors.is_dir():
        names = [str(entry.resolve()) for entry in descriptors.iterdir() if entry.is_symlink()]
        # SQLite itself keeps descriptors of closed connections for the next ones.
        assert 1 <= names.count(str(path(file).resolve())) <= MAX_IDLE + 8
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.read("me", "c")
    if descriptors.is_dir():
        assert str(path(file).resolve()) not in {str(entry.resolve()) for entry in descriptors.iterdir()}


def test_a_reader_does_not_wait_for_a_writer(file: Place) -> None:
    store = file.open()
    made = store.create("me", "c")
    writer = connect(path(file))
    try:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE conversations SET title = 'half'")
        assert store.read("me", "c") == made
        writer.execute("ROLLBACK")
    finally:
        writer.close()


def test_a_damaged_row_is_an_error_and_not_an_empty_conversation(file: Place) -> None:
    store = file.open()
    filled(store, range(1))
    database = connect(path(file))
    database.execute("UPDATE messages SET body = '{\"content\": '")
    database.close()
    with pytest.raises(StoreError):
        store.messages("me", "c0")


def test_relative_paths_and_percent_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_store("sqlite:///here/a%20b.db", clock=lambda: 1.0, lifetime=1.0).close()
    assert (tmp_path / "here" / "a b.db").is_file()


def test_a_file_needs_no_aws_library(tmp_path: Path) -> None:
    code = (
        "import sys; from skerry.store.open import open_store; import skerry.store.transcript\n"
        f"open_store('sqlite:///{tmp_path}/store.db', clock=lambda: 1.0, lifetime=1.0).create('me', 'c')\n"
        "print(sorted({'boto3', 'botocore'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
