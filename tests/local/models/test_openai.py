"""The openai backend against a stand-in server on a socket, asked by boto3."""

import json
import socket

import pytest
from botocore.exceptions import ClientError, EventStreamError

from skerry.local.models.plane import ModelsPlane
from skerry.settings import ModelsSettings
from tests.kit.chat_completions import Answer, call, chat_completions, delta
from tests.kit.plane import running

KEY = "sk-very-secret-key"
HELLO = [{"role": "user", "content": [{"text": "Hello"}]}]
TOOLS = {"tools": [{"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object"}}}}]}
USAGE = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}


@pytest.fixture(scope="module")
def server():
    with chat_completions() as found:
        yield found


@pytest.fixture(scope="module")
def served(server):
    def make(ports):
        settings = ModelsSettings(backend="openai", url=server.url, model="small", api_key=KEY)
        return ModelsPlane(access=ports.access, recorder=ports.hops, clock=ports.clock, settings=settings)

    with running(make) as found:
        yield found


@pytest.fixture
def ask(server, served):
    """Plays an answer and asks for it; gives Converse's answer or the events of ConverseStream."""
    server.asked.clear()
    server.left.clear()
    client = served.client("bedrock-runtime")
    streams = []

    def play(*, chunks=(), stream=None, **answer):
        server.answers[:] = [Answer(chunks=list(chunks), **answer)]
        given = {"modelId": "anything", "messages": HELLO, "toolConfig": TOOLS}
        if stream is None and not chunks:
            return client.converse(**given)
        streams.append(client.converse_stream(**given)["stream"])
        return streams[-1]

    yield play
    for stream_of_events in streams:
        stream_of_events.close()


def completion(message, finish="stop"):
    return {
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": USAGE["usage"],
    }


@pytest.mark.behaviour("MD-OPENAI")
def test_a_whole_answer(server, ask):
    answer = ask(body=completion({"role": "assistant", "content": "Hi there"}))
    assert answer["output"]["message"] == {"role": "assistant", "content": [{"text": "Hi there"}]}
    assert (answer["stopReason"], answer["usage"]["totalTokens"]) == ("end_turn", 7)
    [(path, headers, body)] = server.asked
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert (body["model"], "stream" in body) == ("small", False)


def test_tool_calls_of_a_whole_answer(ask):
    calls = [
        {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}},
        {"id": "call_2", "type": "function", "function": {"name": "look", "arguments": ""}},
    ]
    answer = ask(body=completion({"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls"))
    uses = [block["toolUse"] for block in answer["output"]["message"]["content"]]
    assert [(use["toolUseId"], use["input"]) for use in uses] == [("call_1", {"a": 1}), ("call_2", {})]
    assert answer["stopReason"] == "tool_use"


@pytest.mark.behaviour("MD-OPENAI-STREAM")
def test_a_streamed_answer(server, ask):
    events = list(
        ask(chunks=[delta(reasoning_content="Hm"), delta("Hi "), delta("there"), delta(finish="stop"), USAGE])
    )
    assert events[1]["contentBlockDelta"] == {
        "delta": {"reasoningContent": {"text": "Hm"}},
        "contentBlockIndex": 0,
    }
    texts = [event["contentBlockDelta"] for event in events[3:5]]
    assert texts == [{"delta": {"text": text}, "contentBlockIndex": 1} for text in ("Hi ", "there")]
    assert events[-2] == {"messageStop": {"stopReason": "end_turn"}}
    assert events[-1]["metadata"]["usage"] == {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7}
    assert server.asked[0][2]["stream"] is True


CACHED = {
    "prompt_tokens": 100,
    "completion_tokens": 4,
    "total_tokens": 104,
    "prompt_tokens_details": {"cached_tokens": 60},
}


@pytest.mark.behaviour("MD-USAGE")
def test_tokens_of_a_cache_come_through(ask):
    expected = {
        "inputTokens": 40,
        "outputTokens": 4,
        "totalTokens": 104,
        "cacheReadInputTokens": 60,
        "cacheWriteInputTokens": 0,
    }
    assert ask(body={**completion({"content": "Hi"}), "usage": CACHED})["usage"] == expected
    events = list(ask(chunks=[delta("Hi"), delta(finish="stop"), {"choices": [], "usage": CACHED}]))
    assert events[-1]["metadata"]["usage"] == expected


def read(events):
    """Tool uses of a stream: name and input, in the order of their blocks."""
    blocks = {}
    for event in events:
        if "contentBlockStart" in event:
            start = event["contentBlockStart"]
            blocks[start["contentBlockIndex"]] = [start["start"]["toolUse"]["toolUseId"], ""]
        delta = event.get("contentBlockDelta", {})
        if "toolUse" in delta.get("delta", {}):
            blocks[delta["contentBlockIndex"]][1] += delta["delta"]["toolUse"]["input"]
    return [(name, json.loads(text)) for name, text in blocks.values()]


def test_streamed_tool_calls_that_overlap(ask):
    chunks = [
        delta("Let me see."),
        call(0, call_id="c0", name="look"),
        call(0, '{"a"'),
        call(1, '{"b": ', call_id="c1", name="look"),
        call(0, ": 1}"),
        call(1, "2}"),
        delta(finish="tool_calls"),
    ]
    events = list(ask(chunks=chunks))
    assert read(events) == [("c0", {"a": 1}), ("c1", {"b": 2})]
    assert events[-2] == {"messageStop": {"stopReason": "tool_use"}}


def test_a_server_that_says_stop_after_a_tool_call_and_sends_an_object(ask):
    piece = {"index": 0, "function": {"name": "look", "arguments": {"a": 1}}}
    events = list(ask(chunks=[delta(tool_calls=[piece]), delta(finish="stop")]))
    [(made, arguments)] = read(events)
    assert made.startswith("call_")
    assert arguments == {"a": 1}
    assert events[-2] == {"messageStop": {"stopReason": "tool_use"}}


def test_a_server_that_does_not_stream(ask):
    events = list(ask(stream=True, body=completion({"role": "assistant", "content": "Hi"})))
    assert events[1]["contentBlockDelta"]["delta"] == {"text": "Hi"}


@pytest.mark.parametrize(
    ("finish", "reason"),
    [("length", "max_tokens"), ("content_filter", "content_filtered"), ("strange", "end_turn")],
)
def test_reasons_to_stop(ask, finish, reason):
    assert ask(body=completion({"content": "x"}, finish))["stopReason"] == reason


@pytest.mark.behaviour("MD-OPENAI-ERRORS")
@pytest.mark.parametrize("stream", [None, True])
@pytest.mark.parametrize(
    ("status", "name", "code"),
    [
        (400, "ValidationException", 400),
        (401, "AccessDeniedException", 403),
        (404, "ResourceNotFoundException", 404),
        (429, "ThrottlingException", 429),
        (500, "ModelErrorException", 424),
        (503, "ServiceUnavailableException", 503),
    ],
)
def test_refusals_become_converses_own(ask, stream, status, name, code):
    with pytest.raises(ClientError) as caught:
        ask(stream=stream, status=status, body={"error": {"message": f"no, and your key is {KEY}"}})
    error = caught.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (name, code)
    assert "no, and your key is ***" in error["Error"]["Message"]
    assert KEY not in str(error)


@pytest.mark.behaviour("MD-STREAM-ERROR")
def test_an_error_after_the_first_event_is_in_the_stream(served, ask):
    stream = ask(chunks=[delta("Hi")], cut=True)
    with pytest.raises(EventStreamError) as caught:
        list(stream)
    assert caught.value.response["Error"]["Code"] == "modelStreamErrorException"
    assert served.ports.hops.all[-1].status == 424


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"error": {"message": "broken"}}'])
def test_an_answer_that_is_none(ask, body):
    with pytest.raises(ClientError) as caught:
        ask(body=body)
    assert caught.value.response["Error"]["Code"] == "ModelErrorException"


def test_tool_arguments_that_are_no_json(ask):
    calls = [{"id": "c", "function": {"name": "look", "arguments": "{"}}]
    with pytest.raises(ClientError, match="no JSON object"):
        ask(body=completion({"tool_calls": calls}))


def test_a_caller_that_leaves_ends_the_question(server, ask):
    stream = ask(chunks=[delta("Hi")], hang=True)
    iterator = iter(stream)
    next(iterator)
    next(iterator)
    stream.close()
    assert server.left.wait(20)


def test_a_server_that_is_not_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"

        def make(ports):
            settings = ModelsSettings(backend="openai", url=url)
            return ModelsPlane(access=ports.access, recorder=ports.hops, clock=ports.clock, settings=settings)

        with running(make) as served, pytest.raises(ClientError) as caught:
            served.client("bedrock-runtime").converse(modelId="m", messages=HELLO)
    assert caught.value.response["Error"]["Code"] == "ServiceUnavailableException"


def test_the_key_is_in_no_representation():
    assert KEY not in repr(ModelsSettings(backend="openai", api_key=KEY))
