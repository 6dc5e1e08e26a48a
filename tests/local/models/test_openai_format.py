"""Converse written as a chat completion."""

import base64
import json

import pytest

from skerry.errors import ServiceError
from skerry.local.models import openai_format
from skerry.local.models.request import parse

TOOL = {"toolSpec": {"name": "look", "description": "Looks.", "inputSchema": {"json": {"type": "object"}}}}
USE = {
    "role": "assistant",
    "content": [{"text": "I look."}, {"toolUse": {"toolUseId": "t1", "name": "look", "input": {"a": 1}}}],
}
PNG = {"image": {"format": "png", "source": {"bytes": base64.b64encode(b"png").decode()}}}


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def written(*messages, streaming=False, **members):
    given = {"messages": list(messages), **members}
    return openai_format.body(
        parse("Converse", "m", json.dumps(given).encode()), model="gpt", streaming=streaming
    )


def test_system_text_and_parameters():
    body = written(
        user({"text": "Hi"}),
        system=[{"text": "Be brief."}],
        inferenceConfig={"maxTokens": 5, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]},
        additionalModelRequestFields={"seed": 1, "model": "mine"},
    )
    assert body == {
        "model": "gpt",
        "seed": 1,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "max_tokens": 5,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["END"],
    }


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ({"auto": {}}, "auto"),
        ({"any": {}}, "required"),
        ({"tool": {"name": "look"}}, {"type": "function", "function": {"name": "look"}}),
    ],
)
def test_tools_and_their_choice(choice, wanted):
    body = written(user({"text": "Hi"}), toolConfig={"tools": [TOOL], "toolChoice": choice})
    assert body["tool_choice"] == wanted
    function = {"name": "look", "description": "Looks.", "parameters": {"type": "object"}}
    assert body["tools"] == [{"type": "function", "function": function}]


def test_a_tool_call_and_its_result():
    result = {"toolUseId": "t1", "status": "error", "content": [{"text": "no"}, {"json": {"x": "ü"}}, PNG]}
    body = written(user({"text": "Hi"}), USE, user({"toolResult": result}), toolConfig={"tools": [TOOL]})
    [_, use, answer, shown] = body["messages"]
    function = {"name": "look", "arguments": '{"a": 1}'}
    assert use == {
        "role": "assistant",
        "content": "I look.",
        "tool_calls": [{"id": "t1", "type": "function", "function": function}],
    }
    assert answer["role"] == "tool"
    assert answer["tool_call_id"] == "t1"
    assert answer["content"].splitlines() == [
        "Error:",
        "no",
        '{"x": "ü"}',
        "(an image, shown in the next message)",
    ]
    assert shown["content"] == [{"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}}]


def test_an_image_and_a_document():
    document = {
        "document": {
            "name": "notes",
            "format": "txt",
            "source": {"bytes": base64.b64encode("hé".encode()).decode()},
        }
    }
    [message] = written(user({"text": "See"}, PNG, document))["messages"]
    assert [part["type"] for part in message["content"]] == ["text", "image_url", "text"]
    assert message["content"][2]["text"] == "notes:\nhé"


def test_reasoning_and_cache_points_stay_here():
    thought = {
        "role": "assistant",
        "content": [{"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": "Yes"}],
    }
    body = written(user({"text": "a"}, {"cachePoint": {"type": "default"}}), thought, user({"text": "b"}))
    assert [message["content"] for message in body["messages"]] == ["a", "Yes", "b"]


def test_structured_output_and_streaming():
    shape = {"type": "json_schema", "structure": {"jsonSchema": {"name": "n", "schema": '{"type":"object"}'}}}
    body = written(user({"text": "a"}), streaming=True, outputConfig={"textFormat": shape})
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": {"type": "object"}},
    }
    assert body["stream_options"] == {"include_usage": True}


@pytest.mark.behaviour("MD-OPENAI-REFUSES")
@pytest.mark.parametrize(
    "block",
    [
        {"audio": {"format": "mp3", "source": {"bytes": "aGk="}}},
        {"video": {"format": "mp4", "source": {"bytes": "aGk="}}},
        {"document": {"name": "n", "format": "pdf", "source": {"bytes": "aGk="}}},
        {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/key"}}}},
    ],
    ids=["audio", "video", "pdf", "s3"],
)
def test_what_cannot_be_carried_is_refused(block):
    with pytest.raises(ServiceError) as caught:
        written(user({"text": "a"}, block))
    assert caught.value.name == "ValidationException"


@pytest.mark.parametrize(
    ("text", "message"),
    [('{"error": {"message": "bad"}}', "bad"), ('{"error": "bad"}', "bad"), ("oops", "oops"), ("[1]", "[1]")],
)
def test_the_message_of_an_error(text, message):
    assert openai_format.message(text) == message
