"""What of given arguments does not fit a tool's input schema, in words."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.wire.tool_arguments import misfits, takes, type_of

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "account_id": {"type": "string"},
        "limit": {"type": "integer"},
        "source": {"enum": ["INPUT", "OUTPUT"]},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "any": True,
    },
    "required": ["account_id"],
}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, ["account_id (string) is missing"]),
        ({"account_id": "1", "limit": 3, "source": "INPUT", "note": None, "any": [1]}, []),
        ({"account_id": "1", "limit": 3.0}, []),
        ({"account_id": 5}, ["account_id must be of type string"]),
        ({"account_id": "1", "limit": True}, ["limit must be of type integer"]),
        ({"account_id": "1", "source": "x"}, ['source must be one of "INPUT" | "OUTPUT"']),
        ({"account_id": "1", "note": 1}, ["note must be of type string | null"]),
        (
            {"acount_id": "1"},
            [
                "account_id (string) is missing",
                "acount_id is no argument of it (did you mean account_id?)",
            ],
        ),
        ({"account_id": "1", "more": "1"}, []),
    ],
)
def test_what_does_not_fit_is_named_and_no_value_of_it(given: dict[str, Any], told: list[str]):
    assert list(misfits(given, SCHEMA)) == told


def test_an_argument_more_is_told_where_the_tool_takes_no_others():
    closed = {**SCHEMA, "additionalProperties": False}
    assert list(misfits({"account_id": "1", "xyz": "1"}, closed)) == ["xyz is no argument of it"]


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({}, "t takes no arguments."),
        ({"properties": {"a": {"type": "string"}}}, "t takes optionally a (string)."),
        (
            {**SCHEMA, "properties": dict(list(SCHEMA["properties"].items())[:3])},
            't takes account_id (string), and optionally limit (integer), source ("INPUT" | "OUTPUT").',
        ),
    ],
)
def test_what_a_tool_takes_is_a_sentence(schema: dict[str, Any], told: str):
    assert takes("t", schema) == told


def test_a_type_is_read_from_any_schema():
    assert [type_of(field) for field in (None, {}, {"type": ["string", "null"]})] == [
        "any",
        "any",
        "string | null",
    ]
