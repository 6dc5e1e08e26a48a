"""What Converse refuses, and in which words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ServiceError
from skerry.local.models.request import ToolChoice, parse

USER = {"role": "user", "content": [{"text": "Hello"}]}
TOOL = {"toolSpec": {"name": "look", "description": "Looks.", "inputSchema": {"json": {"type": "object"}}}}
USE = {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t1", "name": "look", "input": {}}}]}
RESULT = {"role": "user", "content": [{"toolResult": {"toolUseId": "t1", "content": [{"text": "seen"}]}}]}
CONFIG = {"tools": [TOOL]}


def request(model_id: str = "local-router", **members):
    return parse("Converse", model_id, json.dumps({"messages": [USER], **members}).encode())


def test_a_request_is_read():
    found = request(
        system=[{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
        toolConfig={"tools": [TOOL, {"cachePoint": {"type": "default"}}], "toolChoice": {"any": {}}},
    )
    assert found.system == "Be brief."
    assert [tool.name for tool in found.tools] == ["look"]
    assert found.choice == ToolChoice("any")


def test_a_conversation_with_a_tool_call_is_valid():
    assert len(request(messages=[USER, USE, RESULT], toolConfig=CONFIG).messages) == 3


WRONG = [
    ("empty", {"messages": []}, "messages field is empty"),
    ("assistant first", {"messages": [{"role": "assistant", "content": [{"text": "x"}]}]}, "start with a user"),
    ("no content", {"messages": [{"role": "user", "content": []}]}, "messages.0 is empty"),
    ("blank text", {"messages": [{"role": "user", "content": [{"text": " \n"}]}]}, "messages.0.content.0 is blank"),
    ("role", {"messages": [{"role": "usr", "content": [{"text": "x"}]}]}, "enum value set"),
    ("two kinds in a block", {"messages": [{"role": "user", "content": [{"text": "x", "image": {}}]}]}, "exactly one"),
    ("unknown block", {"messages": [{"role": "user", "content": [{"txt": "x"}]}]}, "content.1.member"),
    ("no result", {"messages": [USER, USE, USER], "toolConfig": CONFIG}, "Expected toolResult blocks at messages.2"),
    ("use at the end", {"messages": [USER, USE], "toolConfig": CONFIG}, "Expected toolResult blocks"),
    ("result of nothing", {"messages": [USER, RESULT], "toolConfig": CONFIG}, "exceeds the number of toolUse"),
    ("no tools", {"messages": [USER, USE, RESULT]}, "toolConfig field must be defined"),
    ("user uses", {"messages": [{**USE, "role": "user"}], "toolConfig": CONFIG}, "only the assistant"),
    ("no tool in config", {"toolConfig": {"tools": []}}, "length greater than or equal to 1"),
    ("tool twice", {"toolConfig": {"tools": [TOOL, TOOL]}}, "must be unique"),
    ("forced unknown", {"toolConfig": {**CONFIG, "toolChoice": {"tool": {"name": "jump"}}}}, "'jump'"),
    ("tool name", {"toolConfig": {"tools": [{"toolSpec": {"name": "a b", "inputSchema": {"json": {}}}}]}}, "pattern"),
    ("long tool name", {"toolConfig": {"tools": [{"toolSpec": {"name": "a" * 65, "inputSchema": {"json": {}}}}]}}, "64"),
    ("schema is a list", {"toolConfig": {"tools": [{"toolSpec": {"name": "a", "inputSchema": {"json": []}}}]}}, "object"),
    ("schema of a string", {"toolConfig": {"tools": [{"toolSpec": {"name": "a", "inputSchema": {"json": {"type": "string"}}}}]}}, "must be object"),
    ("tokens", {"inferenceConfig": {"maxTokens": 0}}, "maxTokens"),
    ("temperature", {"inferenceConfig": {"temperature": 1.5}}, "temperature"),
    ("type", {"inferenceConfig": {"maxTokens": "many"}}, "maxTokens"),
]  # fmt: skip


@pytest.mark.behaviour("MD-VALIDATION")
@pytest.mark.parametrize(("members", "text"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_mistakes_are_validation_exceptions_that_name_the_member(members, text):
    with pytest.raises(ServiceError) as caught:
        request(**members)
    assert (caught.value.name, caught.value.status) == ("ValidationException", 400)
    assert text in str(caught.value)


@pytest.mark.behaviour("MD-MODEL-ID")
@pytest.mark.parametrize("model_id", ["", "a b", "arn:aws:s3:::bucket/key", "x" * 2049, "model\n"])
def test_a_model_id_that_is_none_is_refused(model_id):
    with pytest.raises(ServiceError, match="The provided model identifier is invalid"):
        request(model_id)


@pytest.mark.parametrize(
    "model_id",
    [
        "local-router",
        "global.anthropic.claude-sonnet-4-6",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-6",
    ],
)
def test_ids_profiles_and_arns_are_taken(model_id):
    assert request(model_id).model_id == model_id


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"[" * 100_000, b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(body):
    with pytest.raises(ServiceError) as caught:
        parse("Converse", "local-router", body)
    assert caught.value.name == "ValidationException"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["role", "content", "text", "messages", "toolUse", "tools", "json", "name", "toolConfig"]), inner, max_size=4
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["messages", "system", "toolConfig", "inferenceConfig"]), json_values))
def test_any_json_is_either_a_request_or_a_validation_exception(body):
    names = set()
    try:
        parse("ConverseStream", "local-router", json.dumps(body).encode())
    except ServiceError as error:
        names = {error.name}
    assert names <= {"ValidationException"}
