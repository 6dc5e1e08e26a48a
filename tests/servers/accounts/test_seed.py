"""The seed of a new database, and what the store does with it."""

import itertools
import threading

import pytest

from skerry.errors import ConfigurationError, StateError
from skerry.servers.accounts.api import seed
from skerry.servers.accounts.api.store import Author, Store

GOOD = """
[[accounts]]
tenant = "t"
id = "1"
holder = "H"
email = "h@example.com"
opened = "2024-01-01"
since = "2025-12"
activity = [1, 2]
"""


def load(tmp_path, text):
    file = tmp_path / "seed.toml"
    file.write_text(text, encoding="utf-8")
    return seed.load(file)


def test_the_bundled_seed_has_the_account_of_the_conversation():
    entries = seed.load(None)
    assert {entry["tenant"] for entry in entries} == {"acme", "globex"}
    (first,) = [entry for entry in entries if entry["id"] == "12345"]
    assert (first["tenant"], first["email"]) == ("acme", "user@example.com")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"t"', "7", "account 1 needs the text 'tenant'"),
        ('"1"', '""', "account 1 needs the text 'id'"),
        ("h@example.com", "h", "account 1 has a wrong 'email'"),
        ("2025-12", "2025-13", "'since' that is not YYYY-MM"),
        ("[1, 2]", "[1, -2]", "a list of counts"),
        ("[1, 2]", "[1, true]", "a list of counts"),
        ("[[accounts]]", "[accounts]", "needs [[accounts]] tables"),
        ("[[accounts]]", "[[accounts", "cannot be read"),
    ],
)
def test_a_wrong_seed_is_named(tmp_path, old, new, says):
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, GOOD.replace(old, new))
    assert says in str(caught.value)


def test_an_account_that_is_there_twice(tmp_path):
    with pytest.raises(ConfigurationError, match="account 2 is there twice"):
        load(tmp_path, GOOD + GOOD)
    assert len(load(tmp_path, GOOD + GOOD.replace('"t"', '"u"'))) == 2


def test_only_a_new_database_is_seeded(tmp_path):
    file, entries = tmp_path / "a.sqlite", load(tmp_path, GOOD)
    store = Store(file, entries)
    assert store.activity("t", "1") == [("2025-12", 1), ("2026-01", 2)]
    store.set_email("t", "1", "new@example.com", author=Author("s"), at=1.0)
    store.close()
    store = Store(file, entries)
    assert store.account("t", "1").email == "new@example.com"
    store.close()


def test_a_database_of_another_program_is_left_alone(tmp_path):
    file = tmp_path / "a.sqlite"
    file.write_bytes(b"this is no database" * 100)
    with pytest.raises(StateError, match="cannot be used"):
        Store(file)
    assert file.read_bytes().startswith(b"this is no database")


def test_changes_from_many_threads_are_all_written(tmp_path):
    store = Store(tmp_path / "a.sqlite", load(tmp_path, GOOD))
    start = threading.Barrier(8)

    def change(number):
        start.wait()
        for turn in range(5):
            store.set_email("t", "1", f"{number}-{turn}@example.com", author=Author(str(number)), at=0.0)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = store.changes("t", "1")
    assert len(written) == 40
    assert all(later["old"] == earlier["new"] for later, earlier in itertools.pairwise(written))
    store.close()
