"""Answers as text: a Markdown table, bounded in rows, columns and cells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.servers.aws_ops import table
from skerry.servers.aws_ops.table import MAX_CELL, MAX_ROWS, MAX_WIDTH, cell, render


def answer(items, **more):
    base = {"items": items, "count": len(items), "truncated": False, "next_token": None}
    return {**base, "region": "us-east-1", "account": "123456789012", **more}


@pytest.mark.behaviour("OPS-TABLE")
def test_items_are_rows_and_fields_are_columns():
    text = render(answer([{"id": "i-1", "state": "running"}, {"id": "i-2", "zone": "a", "on": True}]))
    assert text.splitlines() == [
        "| id  | state   | zone | on  |",
        "|-----|---------|------|-----|",
        "| i-1 | running | -    | -   |",
        "| i-2 | -       | a    | yes |",
        "",
        "2 items, account 123456789012, region us-east-1.",
    ]


@pytest.mark.behaviour("OPS-TABLE")
def test_one_item_is_shown_from_top_to_bottom():
    item = {
        "id": "i-1",
        "tags": [{"key": "team", "value": "ops"}, {"key": "a", "value": "b"}],
        "list": ["x", 1],
    }
    assert render(answer([item])).splitlines() == [
        "| field | value |",
        "|-------|-------|",
        "| id    | i-1 |",
        "| tags  | team=ops; a=b |",
        "| list  | x, 1 |",
        "",
        "1 item, account 123456789012, region us-east-1.",
    ]


@pytest.mark.behaviour("OPS-TABLE")
def test_what_is_missing_is_said():
    text = render(
        answer(
            [],
            truncated=True,
            next_token="abc",
            source="fixture",
            problems=[{"region": "eu-west-1", "problem": "is denied"}],
        )
    )
    assert text.splitlines() == [
        "No items. 0 items, account 123456789012, region us-east-1.",
        "Source: fixture.",
        "Problem in eu-west-1: is denied",
        "There are more: ask again with next_token abc",
    ]


def test_an_answer_without_items_is_its_fields():
    assert render({"message": "Hello, world!"}).endswith("| message | Hello, world! |")


@pytest.mark.behaviour("OPS-TABLE")
def test_rows_and_columns_are_bounded():
    items = [{f"field {column}": "x" * 30 for column in range(12)} for _ in range(120)]
    lines = render(answer(items)).splitlines()
    assert max(map(len, lines)) <= MAX_WIDTH + 1
    assert sum(line.startswith("| xxx") for line in lines) == MAX_ROWS
    assert "Not shown: field 6, field 7, field 8, field 9, field 10, field 11." in lines
    assert f"The first {MAX_ROWS} of 120 items of this answer." in lines


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(values)
def test_a_cell_is_one_bounded_line_without_an_open_bar(value):
    text = cell(value)
    assert len(text) <= MAX_CELL
    assert len(text.splitlines()) == 1
    assert "|" not in text.replace("\\\\", "").replace("\\|", "")


@given(st.lists(st.dictionaries(st.text(max_size=10), values, max_size=5), max_size=6))
def test_any_answer_has_a_text(items):
    assert "account 123456789012" in render(answer(items))


def test_escapes_of_terminals_are_dropped():
    assert table.cell("\x1b[31mred\x1b[0m\u202e") == "[31mred[0m"
