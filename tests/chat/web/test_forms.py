from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.chat.web.forms import Field, Option, content, fields
from tests.kit.desk_scripts import FORM


def test_the_fields_of_a_form():
    reason, priority, count, notify = fields(FORM)
    assert (reason.kind, reason.label, reason.required, reason.low) == ("text", "Reason", True, 3)
    assert (priority.kind, priority.options) == ("choice", [Option("low", "low"), Option("high", "high")])
    assert (count.kind, count.default, count.low, count.high) == ("integer", 2, 1, 5)
    assert (notify.kind, notify.default) == ("boolean", False)


def test_titles_of_choices_and_several_choices():
    one, several, named = fields(
        {
            "properties": {
                "one": {"type": "string", "oneOf": [{"const": "a", "title": "A thing"}]},
                "several": {"type": "array", "items": {"type": "string", "enum": ["x", "y"]}, "minItems": 1},
                "named": {"type": "string", "enum": ["p"], "enumNames": ["Pretty"]},
            }
        }
    )
    assert one.options == [Option("a", "A thing")]
    assert (several.kind, several.low) == ("choices", 1)
    assert named.options == [Option("p", "Pretty")]


def test_what_was_filled_in_is_the_content():
    described = fields(FORM)
    answer, problems = content(
        described, {"reason": "disk full", "priority": "high", "count": 3, "notify": True}
    )
    assert problems == {}
    assert answer == {"reason": "disk full", "priority": "high", "count": 3, "notify": True}


@pytest.mark.behaviour("WEB-FORM-CHECKED")
@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"priority": "low"}, {"reason": "is needed"}),
        ({"reason": "ab", "priority": "low"}, {"reason": "must be 3 characters or more"}),
        ({"reason": "abc", "priority": "none"}, {"priority": "is none of the choices"}),
        ({"reason": "abc", "priority": "low", "count": 6}, {"count": "must be 5 or less"}),
    ],
)
def test_what_is_wrong_is_said_by_field(values, wrong):
    assert content(fields(FORM), values)[1] == wrong


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("email", "a@b.example", "ab"),
        ("uri", "https://a.example/x", "no url"),
        ("date-time", "2026-01-31T12:00:00Z", "yesterday"),
    ],
)
def test_formats(form: str, good: str, bad: str):
    described = [Field("f", "F", "text", format=form)]
    assert content(described, {"f": good}) == ({"f": good}, {})
    assert "f" in content(described, {"f": bad})[1]


def test_dates_are_days():
    (field,) = fields({"properties": {"day": {"type": "string", "format": "date", "default": "2026-01-31"}}})
    assert field.default == date(2026, 1, 31)
    assert content([field], {"day": date(2026, 2, 1)}) == ({"day": "2026-02-01"}, {})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
members = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", "number", "boolean", "array", "object"]) | json_values,
        "title": json_values,
        "default": json_values,
        "enum": json_values,
        "oneOf": json_values,
        "items": json_values,
        "minimum": json_values,
        "maxLength": json_values,
        "format": st.sampled_from(["date", "email"]) | json_values,
    },
)


@given(st.dictionaries(st.text(max_size=4), members, max_size=4), json_values)
def test_any_schema_is_read(properties, required):
    described = fields({"properties": properties, "required": required})
    assert [field.name for field in described] == list(properties)
    answer, problems = content(described, {field.name: field.default for field in described})
    assert set(answer) | set(problems) <= set(properties)
