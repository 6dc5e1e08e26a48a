from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.chat.form import fields
from skerry.chat.web.forms import content
from tests.kit.desk_scripts import FORM


def test_what_was_filled_in_is_the_content():
    values = {"reason": "disk full", "priority": "high", "count": 3, "notify": True}
    assert content(fields(FORM), values) == (values, {})


def test_what_a_person_emptied_is_left_out():
    answer, problems = content(
        fields(FORM), {"reason": "disk", "priority": "low", "count": None, "notify": False}
    )
    assert problems == {}
    assert answer == {"reason": "disk", "priority": "low", "notify": False}


@pytest.mark.behaviour("WEB-FORM-CHECKED")
@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"priority": "low"}, ["reason"]),
        ({"reason": "ab", "priority": "low"}, ["reason"]),
        ({"reason": "abc", "priority": "none"}, ["priority"]),
        ({"reason": "abc", "priority": "low", "count": 6}, ["count"]),
        ({}, ["reason", "priority"]),
    ],
)
def test_what_is_wrong_is_said_by_field(values, wrong):
    assert list(content(fields(FORM), values)[1]) == wrong


def test_a_day_and_choices_with_commas():
    described = fields(
        {
            "properties": {
                "day": {"type": "string", "format": "date"},
                "some": {"type": "array", "items": {"type": "string", "enum": ["a,b", "c"]}, "maxItems": 1},
            }
        }
    )
    assert content(described, {"day": date(2026, 2, 1), "some": ["a,b"]}) == (
        {"day": "2026-02-01", "some": ["a,b"]},
        {},
    )
    assert list(content(described, {"some": ["a,b", "c"]})[1]) == ["some"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
members = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", "number", "boolean", "array", "object"]) | json_values,
        "default": json_values,
        "enum": json_values,
        "oneOf": json_values,
        "items": json_values,
        "minimum": json_values,
        "format": st.sampled_from(["date", "email"]) | json_values,
    },
)


@given(st.dictionaries(st.text(max_size=4), members, max_size=4), json_values)
def test_any_schema_is_read(properties, required):
    described = fields({"properties": properties, "required": required})
    answer, problems = content(described, {field.name: field.default for field in described})
    assert set(answer) | set(problems) <= set(properties)
