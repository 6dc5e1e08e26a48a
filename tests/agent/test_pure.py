"""Events, approvals, policy and records: data in, data out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.types import ElicitRequestFormParams, ElicitRequestURLParams

from skerry.agent.approvals import Pause, answers, digest
from skerry.agent.errors import AgentError, innermost
from skerry.agent.events import Run, blocks
from skerry.agent.gate import Policy, confirmation
from skerry.agent.gateway import fitting
from skerry.agent.store import Record, Store, mend
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


def form(**properties: Any) -> ElicitRequestFormParams:
    return ElicitRequestFormParams(message="?", requested_schema={"type": "object", "properties": properties})


@pytest.mark.parametrize(
    ("params", "content"),
    [
        (form(), {}),
        (form(confirm={"type": "boolean"}), {"confirm": True}),
        (form(confirm={"type": "string"}), None),
        (form(a={"type": "boolean"}, b={"type": "boolean"}), None),
        (ElicitRequestURLParams(message="?", url="https://example.com", elicitation_id="1"), None),
    ],
)
def test_only_a_plain_confirmation_is_answered_for_a_person(params: Any, content: Any):
    assert confirmation(params) == content


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
    events = list(run.of({"message": {"role": "assistant", "content": [tool_use("1", "short", {"a": 1})]}}))
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


def tool_use(identifier: str, name: str = "t", arguments: Any = None) -> dict[str, Any]:
    return {"toolUse": {"toolUseId": identifier, "name": name, "input": arguments or {}}}


USER = {"role": "user", "content": [{"text": "hi"}]}
SPOKEN = {"role": "assistant", "content": [{"text": "hello"}]}


@pytest.mark.parametrize(
    ("messages", "added"),
    [
        ([], []),
        ([USER], ["assistant"]),
        ([USER, SPOKEN], []),
        ([USER, {"role": "assistant", "content": [tool_use("1"), tool_use("2")]}], ["user", "assistant"]),
    ],
)
def test_a_stopped_conversation_is_mended(messages: list[Any], added: list[str]):
    mended = mend(messages)
    assert mended[: len(messages)] == messages
    assert [message["role"] for message in mended[len(messages) :]] == added
    calls = {
        block["toolUse"]["toolUseId"]
        for message in mended
        for block in message["content"]
        if "toolUse" in block
    }
    results = {
        block["toolResult"]["toolUseId"]
        for message in mended
        for block in message["content"]
        if "toolResult" in block
    }
    assert calls == results


PAUSE = Pause("id", "call", "tool-1", "t", {"a": [1]}, 17.0)


def test_a_record_comes_back_as_it_was(tmp_path: Path):
    store = Store(tmp_path / "deep")
    record = Record("iam", {"data": {"messages": [{"bytes": b"\x00\xff"}]}}, (PAUSE,), running=False)
    assert store.load("s") is None
    store.save("s", record)
    assert store.load("s") == record
    assert store.load("../s") is None
    assert len(list((tmp_path / "deep").iterdir())) == 1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 2}', '{"version": 1}', "null"])
def test_a_damaged_record_is_an_error_and_is_not_overwritten(tmp_path: Path, content: str):
    store = Store(tmp_path)
    store.save("s", Record("iam"))
    (file,) = tmp_path.iterdir()
    file.write_text(content)
    with pytest.raises(AgentError) as caught:
        store.load("s")
    assert caught.value.kind == "STATE_ERROR"
    assert file.read_text() == content


def test_a_record_that_was_left_running_loses_its_questions_and_gets_results():
    snapshot = {
        "scope": "agent",
        "data": {
            "messages": [USER, {"role": "assistant", "content": [tool_use("1")]}],
            "interrupt_state": {"x": 1},
        },
    }
    settled = Record("iam", snapshot, (PAUSE,), running=True).settled()
    assert settled.pauses == ()
    assert settled.running is False
    assert settled.snapshot is not None
    assert "interrupt_state" not in settled.snapshot["data"]
    assert len(settled.snapshot["data"]["messages"]) == 4


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
    assert settings.state == Path("/home/x/.skerry/agent")
    assert settings.region == "eu-west-1"
    assert "hush" not in repr(settings)
    assert AgentSettings.from_env({"SKERRY_READ_ONLY_TOOLS": ""}).read_only == ()
    assert "*_read_operations" in AgentSettings.from_env({}).read_only
