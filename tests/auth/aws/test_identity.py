from __future__ import annotations

import asyncio
import urllib.error
import urllib.request

import pytest

from skerry.auth.aws.identity import caller_identity, sts_endpoint
from skerry.auth.aws.sigv4 import Credentials
from skerry.auth.ports import Origin
from skerry.errors import RemoteError, SignatureError
from tests.kit.aws_services import aws_services


async def post(url: str, headers, body: bytes) -> tuple[int, bytes]:
    def send() -> tuple[int, bytes]:
        request = urllib.request.Request(url, body, dict(headers))
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    return await asyncio.to_thread(send)


async def test_the_caller_is_named_by_sts():
    with aws_services() as services:
        key, secret, token, _ = services.keys()
        found = await caller_identity(Credentials(key, secret, token), "us-east-1", services.url, post=post)
        assert found == "arn:aws:sts::123456789012:assumed-role/desk/me"
        with pytest.raises(SignatureError, match="the test"):
            await caller_identity(
                Credentials(key, "wrong", token),
                "us-east-1",
                f"{services.url}/",
                post=post,
                origin=Origin("sigv4", "the test"),
            )
        services.refuse = "ExpiredToken"
        with pytest.raises(SignatureError, match="expired"):
            await caller_identity(Credentials(key, secret, token), "us-east-1", services.url, post=post)


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (500, b""), (200, b"<Arn>arn:\r\nx</Arn>")])
async def test_an_answer_without_an_arn_is_an_error(status, body):
    async def odd(url, headers, sent):
        return status, body

    with pytest.raises(RemoteError):
        await caller_identity(Credentials("A", "s"), "us-east-1", "http://sts", post=odd)


async def test_an_sts_that_does_not_answer_is_an_error():
    async def down(url, headers, sent):
        raise ConnectionRefusedError

    with pytest.raises(RemoteError, match="does not answer"):
        await caller_identity(Credentials("A", "s"), "us-east-1", "http://sts", post=down)


@pytest.mark.parametrize(
    ("env", "region", "endpoint"),
    [
        ({"AWS_ENDPOINT_URL_STS": "http://a", "AWS_ENDPOINT_URL": "http://b"}, "us-east-1", "http://a"),
        ({"AWS_ENDPOINT_URL": "http://b"}, "us-east-1", "http://b"),
        ({}, "eu-west-1", "https://sts.eu-west-1.amazonaws.com"),
        ({}, "cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_the_endpoint_of_sts(env, region, endpoint):
    assert sts_endpoint(env, region) == endpoint
