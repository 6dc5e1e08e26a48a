"""Editing JSON with comments: one place changes, every other byte stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.proxy import jsonc

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=12,
)
TRIVIA = st.sampled_from(["", " ", "\n", "\t", " // a { note\n", "/* [ */", " /* two\nlines */ ", "\r\n"])


@st.composite
def written(draw: st.DrawFn, value: Any) -> str:
    """A value as some person may have written it: white space, comments, commas at ends."""

    def gap() -> str:
        return draw(TRIVIA)

    if isinstance(value, dict | list):
        parts = (
            [f"{json.dumps(key)}{gap()}:{gap()}{draw(written(item))}" for key, item in value.items()]
            if isinstance(value, dict)
            else [draw(written(item)) for item in value]
        )
        inside = ",".join(f"{gap()}{part}{gap()}" for part in parts)
        comma = "," if parts and draw(st.booleans()) else ""
        opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
        return f"{opening}{inside}{comma}{gap()}{closing}"
    return json.dumps(value)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    value = draw(st.dictionaries(st.sampled_from(["servers", "a", "b", "ü"]) | st.text(), VALUES, max_size=4))
    return draw(TRIVIA) + draw(written(value)) + draw(TRIVIA), value


@given(documents())
def test_reads_what_people_write(document: tuple[str, dict[str, Any]]) -> None:
    text, value = document
    assert jsonc.parse(text).value == value


@given(documents(), st.text(), VALUES)
def test_put_changes_one_member_and_nothing_else(
    document: tuple[str, dict[str, Any]], key: str, item: Any
) -> None:
    text, value = document
    new = jsonc.put(text, [key], item)
    assert jsonc.parse(new).value == {**value, key: item}
    for comment in ("// a { note", "/* [ */", "/* two"):
        if key not in value:
            assert new.count(comment) == text.count(comment)


@given(documents(), VALUES)
def test_put_makes_the_objects_on_the_way(document: tuple[str, dict[str, Any]], item: Any) -> None:
    text, value = document
    servers = value.get("servers", {})
    if not isinstance(servers, dict):
        with pytest.raises(jsonc.JsoncError, match="no object"):
            jsonc.put(text, ["servers", "mine"], item)
        return
    new = jsonc.put(text, ["servers", "mine"], item)
    assert jsonc.parse(new).value == {**value, "servers": {**servers, "mine": item}}


@given(documents(), VALUES)
def test_append_adds_at_the_end_of_a_list(document: tuple[str, dict[str, Any]], item: Any) -> None:
    text, value = document
    there = value.get("a", [])
    if not isinstance(there, list):
        with pytest.raises(jsonc.JsoncError, match="no list"):
            jsonc.append(text, ["a"], item)
        return
    assert jsonc.parse(jsonc.append(text, ["a"], item)).value == {**value, "a": [*there, item]}


@given(st.text(alphabet='{}[]",:/*\\ \n1a', max_size=40))
def test_whatever_is_read_is_json_or_refused_with_a_place(text: str) -> None:
    try:
        jsonc.parse(text)
    except jsonc.JsoncError as error:
        assert 1 <= error.line <= text.count("\n") + 1
        assert error.column >= 1
    try:
        value = json.loads(text)
    except ValueError:
        return
    assert jsonc.parse(text).value == value


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "ends too early"),
        ("{", 1, "ends too early"),
        ('{\n  "a": 1\n  "b": 2\n}', 3, "comma or } is missing"),
        ('{\n  "a": 1,,\n}', 2, "a name in double quotes is missing"),
        ("{a: 1}", 1, "a name in double quotes is missing"),
        ('{"a" 1}', 1, "a colon is missing"),
        ('{"a": }', 1, "a value is missing"),
        ('{"a": NaN}', 1, "a value is missing"),
        ('{"a": "x\ny"}', 1, "a string is not closed"),
        ("{}\n{}", 2, "something after the end"),
        ("{ /* open", 1, "a comment is not closed"),
        ("[,]", 1, "a value is missing"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(jsonc.JsoncError, match=said) as caught:
        jsonc.parse(text)
    assert caught.value.line == line


def test_depth_is_bounded() -> None:
    with pytest.raises(jsonc.JsoncError, match="deeper"):
        jsonc.parse("[" * 5000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", '{\n  "k": {\n    "x": 1\n  }\n}'),
        ('{"a": 1}', '{"a": 1, "k": {"x": 1}}'),
        ('{"a": 1,}', '{"a": 1, "k": {"x": 1},}'),
        (
            '{\n\t"a": 1 // one\n}\n',
            '{\n\t"a": 1, // one\n\t"k": {\n\t\t"x": 1\n\t}\n}\n',
        ),
        (
            '{\r\n    "a": 1,\r\n}',
            '{\r\n    "a": 1,\r\n    "k": {\r\n        "x": 1\r\n    },\r\n}',
        ),
        ('{\n  "a": 1 }', '{\n  "a": 1,\n  "k": {\n    "x": 1\n  }\n}'),
        ("\ufeff{ // nothing yet\n}", '\ufeff{ // nothing yet\n  "k": {\n    "x": 1\n  }\n}'),
    ],
)
def test_the_layout_is_kept(text: str, expected: str) -> None:
    assert jsonc.put(text, ["k"], {"x": 1}) == expected


def test_of_two_members_of_one_name_the_last_counts_and_is_changed() -> None:
    assert jsonc.put('{"a": 1, "a": 2}', ["a"], 3) == '{"a": 1, "a": 3}'
