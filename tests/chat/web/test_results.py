import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.chat.web.results import MAX_CELL, MAX_COLUMNS, MAX_ROWS, Picture, Table, Words, parts, table
from tests.kit.desk_scripts import INSTANCES
from tests.kit.scripted_agent import PNG


@pytest.mark.behaviour("WEB-TABLES")
@pytest.mark.parametrize(
    "block", [{"type": "json", "json": INSTANCES}, {"type": "text", "text": json.dumps(INSTANCES)}]
)
def test_items_become_a_table_with_its_place_in_the_caption(block):
    (found,) = parts([block])
    assert isinstance(found, Table)
    assert found.columns == ["id", "name", "type", "state", "cpu"]
    assert found.rows[0] == ["i-0a1b2c3d4e5f60718", "web-1", "t3.medium", "running", 23.5]
    assert found.caption == "4 rows · us-east-1 · 123456789012"


def test_a_bare_list_of_objects_is_a_table_too_and_missing_members_are_empty():
    found = table([{"a": 1}, {"b": "x"}])
    assert found == Table(["a", "b"], [[1, None], [None, "x"]], "2 rows")


def test_a_part_of_a_list_says_so():
    found = table({"items": [{"a": 1}], "count": 9, "truncated": True})
    assert found is not None
    assert found.caption == "1 of 9 rows · more exist"


def test_mixed_columns_become_text():
    found = table([{"a": 1, "b": True, "c": 2**60}, {"a": "x", "b": False, "c": [1]}])
    assert found is not None
    assert found.rows == [["1", True, str(2**60)], ["x", False, "[1]"]]


@pytest.mark.parametrize("data", [[], {}, {"items": []}, {"items": [1]}, [1], "x", None, 3, [{}]])
def test_what_is_no_table_is_none(data):
    assert table(data) is None


def test_tables_are_bounded():
    found = table([{f"c{number}": "x" * 2000 for number in range(60)}] * 1500)
    assert found is not None
    assert (len(found.rows), len(found.columns)) == (MAX_ROWS, MAX_COLUMNS)
    assert max(len(str(value)) for value in found.rows[0]) < MAX_CELL + 40


def test_without_formatting_json_stays_json():
    (found,) = parts([{"type": "json", "json": INSTANCES}], formatted=False)
    assert isinstance(found, Words)
    assert json.loads(found.text) == INSTANCES


def test_pictures_are_bytes_and_programs_are_none():
    good, bad, broken = parts(
        [
            {"type": "image", "mimeType": "image/png", "data": PNG},
            {"type": "image", "mimeType": "image/svg+xml", "data": PNG},
            {"type": "image", "mimeType": "image/png", "data": "%"},
        ]
    )
    assert isinstance(good, Picture)
    assert good.data.startswith(b"\x89PNG")
    assert isinstance(bad, Words)
    assert isinstance(broken, Words)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


@given(
    st.lists(
        st.dictionaries(st.text(max_size=3), scalars | st.lists(scalars, max_size=2), max_size=4), max_size=5
    )
)
def test_every_table_is_even(items):
    found = table(items)
    if found is not None:
        assert {len(row) for row in found.rows} == {len(found.columns)}
        for index in range(len(found.columns)):
            held = {type(row[index]) for row in found.rows if row[index] is not None}
            assert held <= {int, float} or len(held) <= 1
