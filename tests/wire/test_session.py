import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.wire import session


@pytest.mark.parametrize(("length", "good"), [(0, False), (32, False), (33, True), (256, True), (257, False)])
def test_length(length, good):
    assert (session.problem("a" * length) is None) is good


def test_problems_are_told_in_the_words_of_aws():
    assert session.problem("short") == "Member must have length greater than or equal to 33"
    assert session.problem("x" * 300) == "Member must have length less than or equal to 256"


@given(st.text(min_size=33, max_size=256))
def test_an_accepted_id_is_safe_in_a_header(identifier):
    if session.problem(identifier) is None:
        assert identifier.isascii()
        assert identifier.isprintable()
        assert " " not in identifier


def test_new_ids_are_accepted_everywhere_and_differ():
    made = {session.new() for _ in range(100)}
    assert len(made) == 100
    assert all(session.problem(item) is None and session.PORTABLE.fullmatch(item) for item in made)
