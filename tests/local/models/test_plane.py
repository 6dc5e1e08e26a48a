"""Unmodified boto3 against the plane on a socket, with real signatures."""

import contextlib
import json
import socket

import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.exceptions import ClientError

from skerry.auth.aws.sigv4 import Credentials, sign
from skerry.errors import ConfigurationError
from skerry.local.models.plane import ModelsPlane
from skerry.settings import ModelsSettings
from tests.kit.plane import REGION, Ports, running
from tests.local.models.catalogue import DESK

CONFIG = {
    "tools": [
        {
            "toolSpec": {
                "name": tool.name,
                "description": tool.description,
                "inputSchema": {"json": tool.schema},
            }
        }
        for tool in DESK
    ]
}
EMAIL = [{"role": "user", "content": [{"text": "What is the email for account 12345?"}]}]


def plane(ports, **settings):
    return ModelsPlane(
        access=ports.access, recorder=ports.hops, clock=ports.clock, settings=ModelsSettings(**settings)
    )


@pytest.fixture(scope="module")
def served():
    with running(plane) as found:
        yield found


@pytest.fixture
def client(served):
    served.ports.hops.all.clear()
    return served.client("bedrock-runtime")


@pytest.mark.behaviour("MD-CONVERSE")
def test_converse(client):
    answer = client.converse(modelId="local-router", messages=EMAIL, toolConfig=CONFIG)
    assert answer["stopReason"] == "tool_use"
    reasoning, use = answer["output"]["message"]["content"]
    assert "no language model" in reasoning["reasoningContent"]["reasoningText"]["text"]
    assert (use["toolUse"]["name"], use["toolUse"]["input"]) == (
        "accounts___get_email",
        {"account_id": "12345"},
    )
    assert answer["usage"]["totalTokens"] == 0
    assert answer["ResponseMetadata"]["RequestId"]


@pytest.mark.behaviour("MD-USAGE")
def test_the_router_has_no_tokens(client):
    usage = {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}
    assert client.converse(modelId="m", messages=EMAIL)["usage"] == usage
    *_, last = client.converse_stream(modelId="m", messages=EMAIL)["stream"]
    assert last["metadata"]["usage"] == usage


@pytest.mark.behaviour("MD-CONVERSE-STREAM")
def test_converse_stream(client):
    answer = client.converse_stream(modelId="local-router", messages=EMAIL, toolConfig=CONFIG)
    assert answer["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/vnd.amazon.eventstream"
    events = list(answer["stream"])
    assert [next(iter(event)) for event in events] == [
        "messageStart",
        "contentBlockDelta",
        "contentBlockStop",
        "contentBlockStart",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert events[3]["contentBlockStart"]["contentBlockIndex"] == 1
    assert json.loads(events[4]["contentBlockDelta"]["delta"]["toolUse"]["input"]) == {"account_id": "12345"}
    assert events[6] == {"messageStop": {"stopReason": "tool_use"}}


def test_a_text_answer_has_no_block_start(client):
    messages = [{"role": "user", "content": [{"text": "What is the weather in Paris?"}]}]
    events = list(client.converse_stream(modelId="m", messages=messages, toolConfig=CONFIG)["stream"])
    assert not any("contentBlockStart" in event for event in events)
    text = "".join(
        event["contentBlockDelta"]["delta"].get("text", "")
        for event in events
        if "contentBlockDelta" in event
    )
    assert "No tool here serves" in text


def test_a_whole_turn_with_a_tool_result(client):
    first = client.converse(modelId="m", messages=EMAIL, toolConfig=CONFIG)["output"]["message"]
    use = next(block["toolUse"] for block in first["content"] if "toolUse" in block)
    result = {"toolUseId": use["toolUseId"], "content": [{"text": "user@example.com"}], "status": "success"}
    messages = [*EMAIL, first, {"role": "user", "content": [{"toolResult": result}]}]
    answer = client.converse(modelId="m", messages=messages, toolConfig=CONFIG)
    assert answer["output"]["message"]["content"] == [{"text": "user@example.com"}]
    assert answer["stopReason"] == "end_turn"


def test_images_travel_both_ways_of_the_service_model(client):
    use = {"toolUse": {"toolUseId": "t1", "name": "accounts___get_chart", "input": {}}}
    image = {
        "format": "png",
        "source": {"bytes": b"\x89PNG\r\n" * 100_000},
    }  # large: read beside the event loop
    messages = [
        {"role": "user", "content": [{"text": "chart"}]},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "t1", "content": [{"image": image}]}}]},
    ]
    answer = client.converse(modelId="m", messages=messages, toolConfig=CONFIG)
    assert answer["output"]["message"]["content"] == [{"text": "The image is attached (png)."}]


@pytest.mark.parametrize("operation", ["converse", "converse_stream"])
def test_mistakes_reach_boto3_as_its_exceptions(client, operation):
    with pytest.raises(client.exceptions.ValidationException, match="must start with a user message"):
        getattr(client, operation)(modelId="m", messages=[{"role": "assistant", "content": [{"text": "x"}]}])


@pytest.mark.behaviour("MD-HOP")
def test_each_call_is_a_hop_with_its_identity(served, client):
    session = "s" * 36
    key = served.ports.access.assume("arn:aws:iam::123456789012:role/desk", session)
    served.client("bedrock-runtime", key).converse(modelId="local-router", messages=EMAIL, toolConfig=CONFIG)
    with contextlib.suppress(ClientError):
        client.converse(modelId="m", messages=[])
    [good, bad] = served.ports.hops.all
    assert good.identity == f"arn:aws:sts::123456789012:assumed-role/desk/{session}"
    assert (good.part, good.operation, good.auth, good.status) == ("models", "Converse", "sigv4", 200)
    assert (good.session, good.target) == (session, "local-router")
    assert good.detail == {"backend": "router", "tool": "accounts___get_email"}
    assert (bad.status, bad.identity) == (400, "arn:aws:iam::123456789012:user/skerry")


@pytest.mark.behaviour("MD-SIGNATURE")
def test_a_wrong_secret_is_refused(served):
    key = Credentials(served.ports.developer.access_key_id, "wrong")
    with pytest.raises(ClientError) as caught:
        served.client("bedrock-runtime", key).converse(modelId="m", messages=EMAIL)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert served.ports.hops.all[-1].identity == "anonymous"
    assert served.ports.hops.all[-1].auth == "none"


def raw(
    served, path: str, body: bytes, *, service: str = "bedrock", method: str = "POST"
) -> tuple[int, bytes]:
    """A request by hand: what boto3 would never send."""
    import urllib.error
    import urllib.request

    headers = {"content-type": "application/json"}
    url = served.url + path
    ports = served.ports
    added = sign(
        method,
        url,
        headers,
        body,
        credentials=ports.developer,
        region=REGION,
        service=service,
        now=ports.clock.time(),
    )
    request = urllib.request.Request(url, body, {**headers, **added}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_a_signature_for_another_service_is_refused(served):
    assert raw(served, "/model/m/converse", b"{}", service="lambda")[0] == 403


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/model/m/invoke", "POST", 404), ("/model/m/converse", "GET", 404), ("/other", "POST", 404)],
)
def test_other_operations_are_named_as_not_served(served, path, method, status):
    found, body = raw(served, path, b"{}", method=method)
    assert found == status
    assert "Converse, ConverseStream and ApplyGuardrail" in json.loads(body)["message"]


def test_a_body_that_is_too_large_is_refused(served):
    assert raw(served, "/model/m/converse", b" " * 25_000_001)[0] == 413


def test_a_caller_that_leaves_early_is_recorded_and_harmless(served):
    served.ports.hops.all.clear()
    with socket.create_connection(served.url.removeprefix("http://").split(":")) as connection:
        connection.sendall(b"POST /model/m/converse HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    # The next request is answered after the plane has seen the end of the one before.
    served.client("bedrock-runtime").converse(modelId="m", messages=EMAIL, toolConfig=CONFIG)
    assert 200 in [hop.status for hop in served.ports.hops.all]


def test_the_model_id_may_be_an_arn(served, client):
    arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-6"
    client.converse(modelId=arn, messages=EMAIL, toolConfig=CONFIG)
    assert served.ports.hops.all[-1].target == arn


def test_paths_of_the_plane_are_known():
    assert ModelsPlane.serves(b"/model/local-router/converse")
    assert ModelsPlane.serves(b"/model/arn%3Aaws%3Abedrock%3Aus-east-1/x%2Fy/converse-stream")
    assert not ModelsPlane.serves(b"/model/m/invoke")
    assert not ModelsPlane.serves(b"/runtimes/m/converse")


@pytest.mark.parametrize(
    "settings", [{"backend": "gpt"}, {"backend": "openai"}, {"backend": "openai", "url": "x"}]
)
def test_settings_that_cannot_work_are_refused_at_the_door(settings):
    with pytest.raises(ConfigurationError):
        plane(Ports(), **settings)


def test_the_stream_is_what_botocores_parser_reads(served):
    body = json.dumps({"messages": EMAIL, "toolConfig": CONFIG}).encode()
    status, data = raw(served, "/model/m/converse-stream", body)
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    assert status == 200
    assert [message.headers[":event-type"] for message in buffer][-1] == "metadata"
