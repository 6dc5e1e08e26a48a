"""The query string of a list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.servers.terraform.standin.problems import ProblemError
from skerry.servers.terraform.standin.query import DEFAULT_SIZE, MAX_SIZE, NUMBER, SIZE, Query

SIZES = st.integers(1, 130)


def test_without_parameters_it_is_the_first_page():
    assert Query.of([]) == Query(1, DEFAULT_SIZE, {})


def test_empty_parameters_are_absent_ones():
    assert Query.of([("filter[status]", ""), (NUMBER, ""), (SIZE, "")]) == Query(1, DEFAULT_SIZE, {})


@given(st.lists(st.integers(), max_size=300), SIZES)
def test_the_pages_together_are_the_list(items, size):
    seen, number = [], 1
    while number is not None:
        page = Query.of([(NUMBER, str(number)), (SIZE, str(size))]).page(items)
        assert len(page.items) <= min(size, MAX_SIZE)
        seen.extend(page.items)
        pages = page.meta()["pagination"]
        assert pages["total-count"] == len(items)
        assert (pages["next-page"] is None) == (number == pages["total-pages"])
        assert (page.links("http://x")["next"] is None) == (pages["next-page"] is None)
        number = pages["next-page"]
    assert seen == items


@given(st.lists(st.integers(), max_size=50), st.integers(1, 1_000_000), SIZES)
def test_a_page_behind_the_last_one_is_empty(items, number, size):
    page = Query.of([(NUMBER, str(number)), (SIZE, str(size))]).page(items)
    assert bool(page.items) == (number <= page.last and bool(items))
    before = page.meta()["pagination"]["prev-page"]
    assert before is None or before <= page.last


@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12)), max_size=8))
def test_any_query_string_is_read_or_refused(pairs):
    try:
        query = Query.of(pairs, known=("q",))
    except ProblemError as error:
        assert error.status == 400
        return
    assert query.number >= 1
    assert 1 <= query.size <= MAX_SIZE
    assert set(query.wanted) <= {"q"}


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "٣", "1e3", " 1", "99999999", "one", "1000001"])
@pytest.mark.parametrize("name", [NUMBER, SIZE])
def test_a_number_that_is_none_is_refused(name, text):
    with pytest.raises(ProblemError) as caught:
        Query.of([(name, text)])
    assert caught.value.status == 400


def test_links_keep_the_filters():
    links = Query.of([("q", "a b"), (SIZE, "1")], known=("q",)).page([1, 2]).links("http://x/list")
    assert links["next"] == "http://x/list?page%5Bnumber%5D=2&page%5Bsize%5D=1&q=a+b"
    assert links["prev"] is None
