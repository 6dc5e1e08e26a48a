"""The state file: everything or nothing, in order, and still there after a kill."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import StateError
from skerry.local.state.records import MIGRATIONS, VERSION, Answered, RecordStore, Write

WRITER = """
import asyncio, sys
from pathlib import Path
from skerry.local.state.records import RecordStore, Write

async def main():
    store = RecordStore(Path(sys.argv[1]))
    await store.open()
    for number in range(1_000_000):
        await store.commit([Write("runtime", str(number), {"n": number})], None, forget_before=0)
        print(number, flush=True)

asyncio.run(main())
"""


async def reopened(path):
    store = RecordStore(path)
    try:
        return await store.open()
    finally:
        await store.close()


async def test_records_come_back_in_the_order_in_which_they_were_made(tmp_path):
    path = tmp_path / "state" / "control.sqlite"
    store = RecordStore(path)
    assert (await store.open()).records == {}
    await store.commit(
        [Write("target", "g/2", {"v": 1}), Write("target", "g/1", {"v": 2})], None, forget_before=0
    )
    await store.commit(
        [Write("target", "g/2", {"v": 3}), Write("gateway", "g", {"é": None})], None, forget_before=0
    )
    await store.commit([Write("gateway", "g", None)], None, forget_before=0)
    await store.close()
    loaded = await reopened(path)
    assert list(loaded.records["target"].items()) == [("g/2", {"v": 3}), ("g/1", {"v": 2})]
    assert "gateway" not in loaded.records


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 9)), max_size=12))
def test_the_file_holds_what_a_dictionary_would(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("records") / "control.sqlite"

    async def play():
        store = RecordStore(path)
        await store.open()
        expected = {}
        for key, value in steps:
            await store.commit(
                [Write("k", key, None if value is None else {"v": value})], None, forget_before=0
            )
            if value is None:
                expected.pop(key, None)
            else:
                expected[key] = {"v": value}
        await store.close()
        assert list((await reopened(path)).records.get("k", {}).items()) == list(expected.items())

    asyncio.run(play())


async def test_answers_are_kept_until_they_are_too_old(tmp_path):
    path = tmp_path / "control.sqlite"
    store = RecordStore(path)
    await store.open()
    old = Answered("Create", "t1", "f", {"a": 1}, at=100.0)
    new = Answered("Create", "t2", "f", {"a": 2}, at=200.0)
    await store.commit([], old, forget_before=0)
    await store.commit([], new, forget_before=150)
    await store.close()
    assert (await reopened(path)).answers == {("Create", "t2"): new}


async def test_a_commit_that_fails_stores_nothing(tmp_path):
    path = tmp_path / "control.sqlite"
    store = RecordStore(path)
    await store.open()
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("drop table answers")
    blocker.close()
    with pytest.raises(StateError, match="no such table"):
        await store.commit([Write("k", "a", {})], None, forget_before=0)
    await store.close()
    check = sqlite3.connect(path)
    assert check.execute("select count(*) from records").fetchone() == (0,)
    check.close()


@pytest.mark.behaviour("CTL-DURABLE")
def test_every_acknowledged_write_survives_kill_9(tmp_path):
    path = tmp_path / "control.sqlite"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = -1
    for line in process.stdout:
        acknowledged = int(line)
        if acknowledged >= 300:
            break
    process.kill()
    rest = process.stdout.read().split()
    process.wait()
    process.stdout.close()
    last = int(rest[-1]) if rest else acknowledged
    records = asyncio.run(reopened(path)).records["runtime"]
    assert [records[str(number)] for number in range(last + 1)] == [
        {"n": number} for number in range(last + 1)
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")
async def test_the_files_are_for_their_owner_only(tmp_path):
    path = tmp_path / "new" / "control.sqlite"
    store = RecordStore(path)
    await store.open()
    await store.commit([Write("k", "a", {})], None, forget_before=0)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes) >= {"control.sqlite", "control.sqlite-wal"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    await store.close()


async def test_a_file_of_a_newer_skerry_is_left_alone(tmp_path):
    path = tmp_path / "control.sqlite"
    raw = sqlite3.connect(path)
    raw.execute(f"pragma user_version = {VERSION + 1}")
    raw.close()
    with pytest.raises(StateError, match="newer skerry"):
        await RecordStore(path).open()


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be looked at" * 20])
async def test_something_else_is_a_state_error(tmp_path, content):
    path = tmp_path / "control.sqlite"
    path.write_bytes(content)
    with pytest.raises(StateError, match="cannot be used"):
        await RecordStore(path).open()


async def test_an_unreadable_record_is_a_state_error(tmp_path):
    path = tmp_path / "control.sqlite"
    store = RecordStore(path)
    await store.open()
    await store.commit([Write("k", "a", {})], None, forget_before=0)
    await store.close()
    raw = sqlite3.connect(path)
    raw.execute("update records set body = '{'")
    raw.commit()
    raw.close()
    with pytest.raises(StateError):
        await RecordStore(path).open()


async def test_a_folder_in_its_place_is_a_state_error(tmp_path):
    with pytest.raises(StateError):
        await RecordStore(tmp_path).open()


def test_migrations_are_whole_statements():
    connection = sqlite3.connect(":memory:")
    for script in MIGRATIONS:
        connection.executescript(script)
    tables = {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}
    connection.close()
    assert {"records", "answers"} <= tables
