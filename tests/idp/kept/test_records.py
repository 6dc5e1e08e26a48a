"""The provider's records: what must happen once happens once, and time ends things by itself."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from skerry.errors import StateError
from skerry.idp.kept.records import Database, Records
from tests.kit.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def test_a_record_ends_at_its_time(clock: FakeClock):
    records = Records(Database(None, clock=clock.time), "desk")
    await records.put("code", "a", {"n": 1}, expires=clock.time() + 60)
    assert await records.get("code", "a") == {"n": 1}
    clock.advance(60)
    assert await records.get("code", "a") is None
    assert await records.add("code", "a", {"n": 2})
    records.database.close()


async def test_a_record_gets_another_end_while_it_lives(clock: FakeClock):
    records = Records(Database(None, clock=clock.time), "desk")
    await records.put("granted", "a", {"n": 1}, family="f", expires=clock.time() + 60)
    assert await records.extend("granted", "a", clock.time() + 120) == {"n": 1}
    clock.advance(119)
    assert await records.get("granted", "a") == {"n": 1}
    assert await records.drop_family("f") == 1
    assert await records.extend("granted", "a", clock.time() + 120) is None
    assert await records.get("granted", "a") is None
    records.database.close()


async def test_of_many_who_spend_a_record_one_gets_it():
    records = Records(Database(None, clock=lambda: 0.0), "desk")
    await records.put("refresh", "a", {"n": 1})
    got = await asyncio.gather(*(records.move("refresh", "a", "spent") for _ in range(20)))
    assert [value for value in got if value is not None] == [{"n": 1}]
    assert await records.get("spent", "a") == {"n": 1}
    added = await asyncio.gather(*(records.add("jti", "x", {}) for _ in range(20)))
    assert added.count(True) == 1
    records.database.close()


async def test_a_family_ends_as_a_whole_and_realms_are_apart():
    database = Database(None, clock=lambda: 0.0)
    desk, other = Records(database, "desk"), Records(database, "other")
    await desk.put("refresh", "a", {}, family="f")
    await desk.put("token", "b", {}, family="f")
    await desk.put("token", "c", {})
    await other.put("token", "b", {}, family="f")
    assert await desk.drop_family("f") == 2
    assert [key for key, _ in await desk.all("token")] == ["c"]
    assert [key for key, _ in await other.all("token")] == ["b"]
    database.close()


async def test_two_processes_may_have_the_file_open_and_only_the_owner_reads_it(tmp_path: Path):
    file = tmp_path / "idp" / "records.sqlite"
    one, two = (Records(Database(file, clock=lambda: 0.0), "desk") for _ in range(2))
    await one.put("client", "a", {"n": 1})
    assert await two.move("client", "a", "gone") == {"n": 1}
    assert await one.get("client", "a") is None
    if os.name == "posix":
        assert {path.stat().st_mode & 0o777 for path in file.parent.iterdir()} == {0o600}
    one.database.close()
    two.database.close()
    two.database.close()


async def test_a_file_that_is_no_database_is_a_state_error(tmp_path: Path):
    file = tmp_path / "records.sqlite"
    file.write_bytes(b"not a database, but long enough to be looked at" * 100)
    records = Records(Database(file, clock=lambda: 0.0), "desk")
    with pytest.raises(StateError):
        await records.get("client", "a")
    records.database.close()
