"""Unmodified boto3 against the plane: only the endpoint is another one."""

import asyncio

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from skerry.local.clock import SystemClock
from tests.kit.runtime_plane import DEVELOPER, record, runtime_plane

ONE = "session-one-" + "1" * 28


@pytest.fixture
async def running(tmp_path):
    async with runtime_plane(tmp_path / "state", clock=SystemClock()) as running:
        for name in ("plain", "echo", "crash"):
            running.resources.put(record(name))
        yield running


@pytest.fixture
async def client(running):
    made = boto3.client(
        "bedrock-agentcore",
        endpoint_url=running.url,
        region_name="us-east-1",
        aws_access_key_id=DEVELOPER.access_key_id,
        aws_secret_access_key=DEVELOPER.secret_access_key,
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield made
    made.close()


def arn(name):
    return record(name)["agentRuntimeArn"]


@pytest.mark.behaviour("RT-BOTO3")
async def test_invoke_stream_and_stop(client):
    def conversation():
        answer = client.invoke_agent_runtime(
            agentRuntimeArn=arn("echo"), runtimeSessionId=ONE, payload=b'{"a": 1}'
        )
        assert (200, ONE) == (answer["statusCode"], answer["runtimeSessionId"])
        assert b'"session": "session-one-' in answer["response"].read()
        streamed = client.invoke_agent_runtime(
            agentRuntimeArn=arn("echo"), runtimeSessionId=ONE, payload=b'{"stream": 2}'
        )
        assert "text/event-stream" in streamed["contentType"]
        events = [line for line in streamed["response"].iter_lines() if line]
        assert [b'data: {"number": 0}', b'data: {"number": 1}'] == events
        stopped = client.stop_runtime_session(agentRuntimeArn=arn("echo"), runtimeSessionId=ONE)
        assert (200, ONE) == (stopped["statusCode"], stopped["runtimeSessionId"])

    await asyncio.to_thread(conversation)


@pytest.mark.behaviour("RT-BOTO3")
@pytest.mark.parametrize(
    ("call", "code", "status"),
    [
        ({"agentRuntimeArn": arn("nothing")}, "ResourceNotFoundException", 404),
        ({"agentRuntimeArn": arn("plain"), "runtimeSessionId": "s" * 257}, "ValidationException", 400),
        ({"agentRuntimeArn": arn("crash")}, "RuntimeClientError", 424),
        ({"agentRuntimeArn": arn("plain"), "qualifier": "prod"}, "ResourceNotFoundException", 404),
    ],
)
async def test_errors_are_the_modelled_ones(client, call, code, status):
    with pytest.raises(ClientError) as caught:
        await asyncio.to_thread(lambda: client.invoke_agent_runtime(payload=b"{}", **call))
    assert (code, status) == (
        caught.value.response["Error"]["Code"],
        caught.value.response["ResponseMetadata"]["HTTPStatusCode"],
    )
    assert caught.value.response["Error"]["Message"]


async def test_a_bare_id_with_its_account(client):
    answer = await asyncio.to_thread(
        lambda: client.invoke_agent_runtime(
            agentRuntimeArn="plain-0123456789", accountId="123456789012", payload=b"hello"
        )
    )
    assert b"hello" == await asyncio.to_thread(answer["response"].read)
