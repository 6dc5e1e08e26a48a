"""Forms: what is read from a line, what is asked again, what is sent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.chat.form import Filled, described, fields, fill, read, shown

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "title": "Bucket name", "minLength": 3, "maxLength": 20},
        "count": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
        "price": {"type": "number"},
        "public": {"type": "boolean", "default": False},
        "size": {"type": "string", "enum": ["s", "m"], "enumNames": ["small", "medium"]},
        "zone": {"type": "string", "oneOf": [{"const": "a", "title": "Zone A"}, {"const": "b"}]},
        "tags": {"type": "array", "items": {"enum": ["x", "y", "z"]}, "minItems": 1, "maxItems": 2},
        "mail": {"type": "string", "format": "email"},
    },
    "required": ["name", "size"],
}
BY_NAME = {item.name: item for item in fields(SCHEMA)}


@pytest.mark.behaviour("CHAT-FORM")
@pytest.mark.parametrize(
    ("name", "line", "value"),
    [
        ("name", "logs", "logs"),
        ("count", "", 3),
        ("count", "9", 9),
        ("price", "", None),
        ("price", "2.5", 2.5),
        ("price", "2", 2),
        ("public", "", False),
        ("public", "Yes", True),
        ("public", "no", False),
        ("size", "m", "m"),
        ("size", "small", "s"),
        ("size", "2", "m"),
        ("zone", "Zone A", "a"),
        ("zone", "b", "b"),
        ("tags", "x, 3", ["x", "z"]),
        ("mail", "ann@example.com", "ann@example.com"),
    ],
)
def test_a_line_is_read_as_its_field_wants(name: str, line: str, value: Any):
    found = read(BY_NAME[name], line)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.behaviour("CHAT-FORM")
@pytest.mark.parametrize(
    ("name", "line", "text"),
    [
        ("name", "", "needed"),
        ("name", "ab", "From 3 to 20"),
        ("count", "0", "From 1 to 9"),
        ("count", "2.5", "whole number"),
        ("price", "nan", "number"),
        ("price", "much", "number"),
        ("public", "perhaps", "Yes or no"),
        ("size", "xl", "One of these: s, m"),
        ("size", "3", "One of these"),
        ("tags", "x,y,z", "from 1 to 2"),
        ("mail", "ann", "email"),
    ],
)
def test_a_wrong_line_says_what_is_wrong(name: str, line: str, text: str):
    with pytest.raises(ValueError, match=text):
        read(BY_NAME[name], line)


class Person:
    """Somebody who types these lines; None goes away."""

    def __init__(self, *lines: str | None) -> None:
        self.lines = list(lines)
        self.asked: list[tuple[str, str]] = []
        self.told: list[str] = []

    def ask(self, text: str, default: str) -> str | None:
        self.asked.append((text, default))
        return self.lines.pop(0)

    def fill(self, schema: dict[str, Any] = SCHEMA) -> Filled:
        return fill(schema, self.ask, self.told.append)


@pytest.mark.behaviour("CHAT-FORM")
def test_a_form_is_filled_in_and_sent_after_a_look_at_it():
    person = Person("x", "logs", "", "", "yes", "m", "", "", "", "maybe", "y")
    filled = person.fill()
    assert filled == Filled("accept", {"name": "logs", "count": 3, "public": True, "size": "m"})
    assert ("count: ", "3") in person.asked
    assert "From 3 to 20 characters." in person.told
    assert '"name": "logs"' in person.told[-1]


@pytest.mark.behaviour("CHAT-FORM")
@pytest.mark.parametrize(
    ("last", "action"), [("n", "decline"), ("no", "decline"), ("c", "cancel"), (None, "cancel")]
)
def test_a_form_is_declined_or_given_up(last: str | None, action: str):
    assert Person("logs", "", "", "", "s", "", "", "", last).fill() == Filled(action)  # type: ignore[arg-type]
    assert Person("logs", None).fill() == Filled("cancel")


def test_a_default_that_the_field_refuses_is_none():
    (item,) = fields({"properties": {"n": {"type": "integer", "maximum": 3, "default": 7}}})
    assert item.default is None


@pytest.mark.parametrize("schema", [{}, {"properties": []}, {"properties": {"a": None}, "required": 7}])
def test_a_strange_schema_is_still_a_form(schema: dict[str, Any]):
    assert [item.kind for item in fields(schema)] in ([], ["text"])


def test_what_a_field_says_hides_nothing():
    (item,) = fields({"properties": {"a\x1b[2J": {"description": "evil\u202e", "enum": ["\x1b]0;x\x07"]}}})
    assert "\x1b" not in described(item)
    assert "\u202e" not in described(item)


KEYS = st.sampled_from(
    ["type", "enum", "oneOf", "items", "default", "minimum", "maxLength", "format", "title", "minItems"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)
KIND = st.sampled_from(["string", "number", "integer", "boolean", "array"])


@given(
    st.dictionaries(st.text(max_size=3), st.dictionaries(KEYS, JSON | KIND), max_size=3), st.text(max_size=9)
)
def test_any_schema_and_any_line_give_a_value_or_a_reason(properties: Any, line: str):
    for item in fields({"properties": properties}):
        described(item)
        try:
            value = read(item, line)
        except ValueError as problem:
            assert str(problem)
        else:
            assert value is None or read(item, shown(value)) == value or item.kind == "text"
