"""Answers as JSON values of a bounded size."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.servers.aws_ops.plain import MAX_TEXT, fitted, plain, size

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=30,
)


def test_values_become_json():
    found = plain(
        {"a": dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "b": b"x", "c": None, "d": [], "e": (1, {"f": ""})}
    )
    assert found == {"a": "2026-01-02T00:00:00+00:00", "b": "eA==", "e": [1, {}]}
    assert plain("x" * (MAX_TEXT + 1)).endswith(f"… ({MAX_TEXT + 1} characters)")


@pytest.mark.behaviour("OPS-BOUNDED")
def test_a_long_item_loses_the_ends_of_its_longest_lists():
    item = {"name": "x", "rows": [{"n": number} for number in range(1000)], "few": [1, 2]}
    found = fitted(item, 1000)
    assert size(found) <= 1000 + len('"cut": ["rows"], ')
    assert found["cut"] == ["rows"]
    assert found["rows"] == item["rows"][: len(found["rows"])]
    assert (found["name"], found["few"]) == ("x", [1, 2])
    assert len(item["rows"]) == 1000


ITEMS = st.dictionaries(st.text(max_size=5).filter(lambda name: name != "cut"), JSON, max_size=6)


@given(ITEMS, st.integers(300, 2000))
def test_any_item_fits_afterwards_and_only_then_says_that_it_was_cut(item, most):
    found = dict(fitted(item, most))
    cut = found.pop("cut", [])
    assert size(found) <= most
    assert {name for name in item if found[name] != item[name]} == set(cut)
    assert set(found) == set(item)
