"""Which scopes include which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.auth.challenge import ResourceMetadata
from skerry.auth.jwt.scopes import Hierarchy, shown

ORDERS = Hierarchy({"orders": ["orders/read", "orders/write"], "admin": ["orders"], "a": ["b"], "b": ["a"]})
names = st.sampled_from("abcdef")
tables = st.dictionaries(names, st.lists(names, max_size=3), max_size=6)


@pytest.mark.behaviour("GRD-SCOPE-HIERARCHY")
@pytest.mark.parametrize(
    ("granted", "needed", "missing"),
    [
        (["orders"], ["orders/read"], ()),
        (["orders"], ["orders/read", "orders/write", "orders"], ()),
        (["admin"], ["orders/write"], ()),
        (["a"], ["b", "a"], ()),
        (["orders/read"], ["orders"], ("orders",)),
        (["orders/read"], ["orders/read", "orders/write", "orders/write"], ("orders/write",)),
        (["order"], ["orders/read"], ("orders/read",)),
        (["orders/*"], ["orders/read"], ("orders/read",)),
        ([], ["x", ""], ("x",)),
        ([], [], ()),
    ],
)
def test_a_broader_scope_includes_the_narrower_ones_and_never_the_reverse(granted, needed, missing):
    assert ORDERS.missing(needed, granted) == missing


@given(tables, st.lists(names), st.lists(names))
def test_a_table_only_ever_adds(table, granted, needed):
    hierarchy = Hierarchy(table)
    reached = hierarchy.reach(granted)
    assert set(granted) <= reached
    assert hierarchy.reach(reached) == reached
    assert all(set(table.get(scope, ())) <= reached for scope in reached)
    assert set(hierarchy.missing(needed, granted)) == set(needed) - reached
    assert Hierarchy().missing(needed, granted) == tuple(dict.fromkeys(x for x in needed if x not in granted))


@pytest.mark.behaviour("GRD-OFFLINE-ACCESS")
def test_offline_access_is_named_to_nobody():
    scopes = ("a", "offline_access", "a", "")
    assert shown(scopes) == ("a",)
    assert ResourceMetadata("r", ("i",), scopes).document()["scopes_supported"] == ["a"]
    assert "scopes_supported" not in ResourceMetadata("r", ("i",), ("offline_access",)).document()
