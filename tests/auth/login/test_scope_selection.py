"""Which scopes are asked for. Journeys are in test_discovered_tokens.py."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from skerry.auth.login.scope_selection import OFFLINE, first, lasting, union

SCOPES = st.lists(st.sampled_from(["a", "b", "c", OFFLINE]), max_size=4)


@given(SCOPES, SCOPES)
def test_a_union_has_everything_once(one: list[str], other: list[str]):
    found = union(one, other)
    assert set(found) == {*one, *other}
    assert len(found) == len(set(found))


@given(SCOPES, SCOPES)
def test_the_challenge_decides_and_nothing_is_asked_for_without_reason(
    challenged: list[str], supported: list[str]
):
    assert set(first(challenged=challenged, supported=supported, configured="")) == set(
        challenged or supported
    )


def test_offline_access_is_never_alone_and_only_where_it_is_known():
    assert lasting((), (OFFLINE,)) == ()
    assert lasting(("a",), ("a",)) == ("a",)
    assert lasting(("a",), (OFFLINE,)) == ("a", OFFLINE)
