"""Converse written as a chat completion."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.behaviour("MD-USAGE")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, (0, 0, 0, None, None)),
        ({"prompt_tokens": 3, "completion_tokens": 4}, (3, 4, 7, None, None)),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 4,
                "total_tokens": 104,
                "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
            },
            (10, 4, 104, 60, 30),
        ),
        ({"prompt_tokens": 3, "prompt_tokens_details": {"audio_tokens": 0}}, (3, 0, 3, 0, 0)),
        ({"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 5}}, (0, 0, 1, 5, 0)),
    ],
)
def test_usage_counts_the_cache_beside_the_input(given, expected):
    usage = openai_format.usage(given)
    names = ("inputTokens", "outputTokens", "totalTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
    assert tuple(usage.get(name) for name in names) == expected


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: st.dictionaries(
            st.sampled_from(
                [
                    "prompt_tokens",
                    "completion_tokens",
                    "total_tokens",
                    "prompt_tokens_details",
                    "cached_tokens",
                ]
            ),
            inner,
            max_size=5,
        ),
    )
)
def test_whatever_a_server_counts_is_a_usage(given):
    assert all(isinstance(count, int) and count >= 0 for count in openai_format.usage(given).values())
