"""Events, approvals, forms and policy: data in, data out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.agent.approvals import answers, digest
from skerry.agent.errors import AgentError, innermost
from skerry.agent.events import Run, blocks
from skerry.agent.forms import filled, is_confirmation, yes
from skerry.agent.gate import Policy
from skerry.agent.gateway import fitting
from skerry.settings import AgentSettings

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
ARGUMENTS = st.dictionaries(st.text(), JSON, max_size=4)


@given(JSON)
def test_answers_are_read_or_refused_and_never_raise_anything_else(resume: Any):
    kind = "VALIDATION_ERROR"
    try:
        found = answers(resume)
    except AgentError as error:
        kind, found = error.kind, []
        resume = []
    assert (kind, len(found)) == ("VALIDATION_ERROR", len(resume))


@given(JSON, st.sampled_from(["resolved", "cancelled"]))
def test_only_a_clear_yes_approves(payload: Any, status: str):
    (answer,) = answers([{"interruptId": "i", "status": status, "payload": payload}])
    clear = status == "resolved" and isinstance(payload, dict) and payload.get("approved") is True
    assert answer.approved is clear


@given(ARGUMENTS, ARGUMENTS)
def test_a_digest_is_of_the_arguments_and_not_of_their_order(one: dict[str, Any], other: dict[str, Any]):
    turned = dict(reversed(one.items()))
    assert digest("tool", one) == digest("tool", turned)
    assert (digest("tool", one) == digest("tool", other)) == (
        json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    )
    assert digest("tool", one) != digest("another", one)


@pytest.mark.parametrize(
    ("name", "annotations", "asks"),
    [
        ("accounts___change_email", None, True),
        ("accounts___change_email", {"readOnlyHint": False}, True),
        ("accounts___change_email", {"readOnlyHint": "true"}, True),
        ("accounts___change_email", {"destructiveHint": False}, True),
        ("accounts___get_email", {"readOnlyHint": True}, False),
        ("aws-ops___s3_read_operations", None, False),
        ("s3_read_operations", None, False),
        ("s3_read_operations___delete_all", None, True),
        ("other___hello_world", None, False),
        ("safe___list", None, False),
        ("unsafe___list", None, True),
    ],
)
def test_the_policy_is_an_allow_list(name: str, annotations: Any, asks: bool):
    policy = Policy(("*_read_operations", "hello_world", "safe___*"))
    assert policy.asks(name, annotations) is asks


def form(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


@pytest.mark.parametrize(
    ("schema", "content"),
    [
        (form(), {}),
        (form(confirm={"type": "boolean"}), {"confirm": True}),
        (form(confirm={"type": "string"}), None),
        (form(a={"type": "boolean"}, b={"type": "boolean"}), None),
        ({"properties": "odd"}, None),
    ],
)
def test_only_a_plain_confirmation_is_answered_for_a_person(schema: Any, content: Any):
    assert is_confirmation(schema) is (content is not None)
    if content is not None:
        assert yes(schema) == content


FIELDS = form(
    "name",
    name={"type": "string", "minLength": 2},
    size={"type": "integer", "minimum": 1, "maximum": 9},
    price={"type": "number"},
    sure={"type": "boolean"},
    colour={"type": "string", "enum": ["red", "blue"]},
    day={"type": "string", "oneOf": [{"const": "mon", "title": "Monday"}]},
    many={"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
)


def test_a_form_that_is_filled_in_right_is_passed_on():
    content = {
        "name": "Zoë",
        "size": 3,
        "price": 1.5,
        "sure": False,
        "colour": "red",
        "day": "mon",
        "many": ["a", "b"],
    }
    assert filled(FIELDS, {**content, "colour": None}) == {k: v for k, v in content.items() if k != "colour"}
    assert filled(FIELDS, content) == content


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"name": None},
        {"name": "a"},
        {"name": 7},
        {"name": "ab", "other": 1},
        {"name": "ab", "size": 10},
        {"name": "ab", "size": 1.5},
        {"name": "ab", "size": True},
        {"name": "ab", "price": float("nan")},
        {"name": "ab", "price": float("inf")},
        {"name": "ab", "sure": "yes"},
        {"name": "ab", "colour": "green"},
        {"name": "ab", "day": "tue"},
        {"name": "ab", "many": ["c"]},
        {"name": "ab", "many": [1]},
        {"name": "a" * 10_001},
    ],
)
def test_a_form_that_is_filled_in_wrong_is_refused(content: dict[str, Any]):
    with pytest.raises(AgentError) as caught:
        filled(FIELDS, content)
    assert caught.value.kind == "VALIDATION_ERROR"


@given(st.dictionaries(st.text(), JSON, max_size=3), st.dictionaries(st.text(), JSON, max_size=3))
def test_forms_of_any_shape_are_filled_or_refused(schema: dict[str, Any], content: dict[str, Any]):
    for given_schema in (schema, {"properties": schema}, {"properties": dict.fromkeys(content, schema)}):
        try:
            assert set(filled(given_schema, content)) <= set(content)
        except AgentError as error:
            assert error.kind == "VALIDATION_ERROR"


@given(st.text(min_size=1, max_size=200))
def test_every_tool_name_fits_the_model(name: str):
    fit = fitting(name)
    assert len(fit) <= 64
    assert fit.replace("_", "a").replace("-", "a").isalnum()
    assert fit.isascii()
    assert fitting(fit) == fit


def test_long_names_stay_apart():
    assert fitting("t" * 70 + "a") != fitting("t" * 70 + "b")


def test_shortened_names_are_shown_as_the_gateway_says_them():
    run = Run("thread", names={"short": "target___the_long_name"})
    events = list(
        run.of(
            {
                "message": {
                    "role": "assistant",
                    "content": [{"toolUse": {"toolUseId": "1", "name": "short", "input": {"a": 1}}}],
                }
            }
        )
    )
    assert events[0]["toolCallName"] == "target___the_long_name"
    assert [event["type"] for event in events] == ["TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END"]


def test_raw_events_of_strands_never_leak():
    run = Run("thread")
    for event in ({"init_event_loop": True, "agent": object()}, {"start": True}, {"delta": {"x": 1}}, {}):
        assert list(run.of(event)) == []


def test_an_open_block_is_ended_before_an_error():
    run = Run("thread")
    events = [*run.of({"data": "hel"}), *run.failed("MODEL_ERROR", "gone")]
    assert [event["type"] for event in events] == [
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_CONTENT",
        "TEXT_MESSAGE_END",
        "RUN_ERROR",
    ]


def test_content_of_every_kind_has_a_block():
    content = [
        {"text": "a"},
        {"json": {"b": 1}},
        {"image": {"format": "jpeg", "source": {"bytes": b"\xff"}}},
        {"document": {"name": "report", "format": "pdf", "source": {"bytes": b"x"}}},
        {"video": {}},
    ]
    assert blocks(content) == [
        {"type": "text", "text": "a"},
        {"type": "json", "json": {"b": 1}},
        {"type": "image", "mimeType": "image/jpeg", "data": "/w=="},
        {"type": "text", "text": "[document report.pdf]"},
        {"type": "text", "text": "[video]"},
    ]


def test_the_first_cause_is_found_through_groups_and_chains():
    cause = ValueError("the cause")
    chained = RuntimeError("outer")
    chained.__cause__ = ExceptionGroup("unhandled errors in a TaskGroup", [ExceptionGroup("inner", [cause])])
    assert innermost(chained) is cause
    kept = AgentError("GATEWAY_ERROR", "for people")
    kept.__cause__ = cause
    assert innermost(ExceptionGroup("x", [kept])) is kept


def test_settings_come_from_the_environment_and_hide_the_secret():
    settings = AgentSettings.from_env(
        {
            "HOME": "/home/x",
            "SKERRY_CLIENT_SECRET": "hush",
            "SKERRY_READ_ONLY_TOOLS": "a, b___* c",
            "AWS_REGION": "eu-west-1",
        }
    )
    assert settings.read_only == ("a", "b___*", "c")
    assert settings.store.url == "sqlite:////home/x/.skerry/conversations.db"
    assert settings.region == "eu-west-1"
    assert "hush" not in repr(settings)
    assert AgentSettings.from_env({"SKERRY_READ_ONLY_TOOLS": ""}).read_only == ()
    assert "*_read_operations" in AgentSettings.from_env({}).read_only
