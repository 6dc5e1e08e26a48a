from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx2
import pytest
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import CredentialRetrievalError
from botocore.session import Session

from skerry.auth.aws import sigv4
from skerry.auth.aws.credentials import AwsCredentials, HttpxSigV4
from skerry.auth.aws.sigv4 import Credentials
from skerry.errors import ConfigurationError, RemoteError
from skerry.wire.arn import runtime_arn
from skerry.wire.context import ClientContext
from skerry.wire.endpoints import invocation_url

NOW = 1_800_000_000.0


@pytest.fixture
def aws_files(tmp_path, monkeypatch):
    """An AWS configuration of its own, and no credentials from anywhere else."""
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_REGION",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path


async def test_credentials_and_region_of_a_profile(aws_files):
    (aws_files / "credentials").write_text(
        "[desk]\naws_access_key_id = AKIADESK\naws_secret_access_key = hidden\naws_session_token = tok\n"
    )
    (aws_files / "config").write_text("[profile desk]\nregion = eu-west-1\n")
    source = AwsCredentials(profile="desk")
    assert await source.frozen() == Credentials("AKIADESK", "hidden", "tok")
    assert await source.region() == "eu-west-1"
    assert source.current() == await source.frozen()


async def test_none_found_says_where_to_get_some(aws_files):
    with pytest.raises(ConfigurationError, match="skerry env"):
        await AwsCredentials().frozen()
    assert await AwsCredentials().region() is None


@pytest.mark.parametrize("text", ["[desk]\naws_access_key_id = AKIADESK\n", "not an ini file"])
async def test_an_unusable_configuration_is_one_clear_error(aws_files, text):
    (aws_files / "credentials").write_text(text)
    with pytest.raises(ConfigurationError):
        await AwsCredentials(profile="desk").frozen()
    with pytest.raises(ConfigurationError):
        await AwsCredentials(profile="other").region()


class Refreshing(Session):
    """A botocore session whose credentials are temporary and refreshed by the test."""

    def __init__(self, minutes: float) -> None:
        super().__init__()
        self.threads: list[int] = []
        self.minutes = minutes
        self.fail = False
        self.now = datetime.now(UTC)
        self.made = RefreshableCredentials(
            **self._members(), refresh_using=self._refresh, method="test", time_fetcher=lambda: self.now
        )

    def get_credentials(self):
        return self.made

    def _members(self) -> dict:
        expiry = self.now + timedelta(minutes=self.minutes)
        return {
            "access_key": f"ASIA{len(self.threads)}",
            "secret_key": "s",
            "token": "t",
            "expiry_time": expiry,
        }

    def _refresh(self) -> dict:
        self.threads.append(threading.get_ident())
        if self.fail:
            raise CredentialRetrievalError(provider="test", error_msg="down")
        return {**self._members(), "expiry_time": (self.now + timedelta(hours=1)).isoformat()}


async def test_credentials_are_refreshed_ahead_of_their_end_and_off_the_event_loop():
    session = Refreshing(minutes=60)
    source = AwsCredentials(session=session, now=lambda: session.now.timestamp())  # noqa: PLW0108  (it moves)
    assert (await source.frozen()).access_key_id == "ASIA0"
    session.now += timedelta(minutes=46, seconds=30)
    assert (await source.frozen()).access_key_id == "ASIA0"  # they hold; nobody waits for the new ones
    session.now += timedelta(minutes=13, seconds=10)
    assert (await source.frozen()).access_key_id == "ASIA1"
    assert (await source.frozen()).access_key_id == "ASIA1"
    assert len(session.threads) == 1
    assert session.threads[0] != threading.get_ident()


async def test_good_temporary_credentials_are_not_refreshed():
    session = Refreshing(minutes=60)
    source = AwsCredentials(session=session)
    keys = await asyncio.gather(*(source.frozen() for _ in range(10)))
    assert {key.access_key_id for key in keys} == {"ASIA0"}
    assert session.threads == []


async def test_a_failed_refresh_is_a_remote_error():
    session = Refreshing(minutes=-1)
    session.fail = True
    with pytest.raises(RemoteError, match="cannot be refreshed"):
        await AwsCredentials(session=session).frozen()


# Signing for MCP clients -------------------------------------------------------------------------------------------

KEY = Credentials("ASIAEXAMPLE", "a secret", "a token")
URL = invocation_url("http://127.0.0.1:8123", runtime_arn("us-east-1", "123456789012", "desk-0123456789"))


class Verifying:
    """A server that verifies each request as it came and keeps it."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        raw = urlsplit(str(request.url)).path.encode()
        assert request.url.raw_path.startswith(raw)
        shown = sigv4.presented(request.method, raw, request.url.query, list(request.headers.multi_items()))
        sigv4.check(shown, await request.aread(), "a secret", now=NOW, expected_token="a token")
        self.requests.append(request)
        return httpx2.Response(200, json={"signed": shown.signed_headers})


async def key() -> Credentials:
    return KEY


@pytest.mark.behaviour("AUTH-SIGV4-UNSIGNED")
async def test_an_mcp_client_signs_each_request_and_adds_the_context_unsigned():
    server = Verifying()
    context = ClientContext(session_id="s" * 36, agent_name="Désk", timestamp=NOW).to_headers()
    auth = HttpxSigV4(key, region="us-east-1", unsigned=context, now=lambda: NOW)
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(server), auth=auth) as client:
        headers = {"Mcp-Protocol-Version": "2025-11-25", "traceparent": "00-1-2-03"}
        answer = await client.post(URL, json={"jsonrpc": "2.0"}, headers=headers)
        signed = answer.json()["signed"]
        await client.get(URL)
    assert "mcp-protocol-version" in signed
    assert not {name.lower() for name in context} & set(signed)
    assert "traceparent" not in signed
    assert {name: server.requests[0].headers[name] for name in context} == context


async def test_a_streamed_body_is_signed_too():
    async def body():
        yield b'{"jsonrpc":'
        yield b'"2.0"}'

    server = Verifying()
    auth = HttpxSigV4(key, region="us-east-1", now=lambda: NOW)
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(server), auth=auth) as client:
        await client.post(URL, content=body())
    assert server.requests[0].content == b'{"jsonrpc":"2.0"}'


async def test_credentials_are_asked_for_each_request():
    asked = []

    async def source() -> Credentials:
        asked.append(1)
        return KEY

    auth = HttpxSigV4(source, region="us-east-1", now=lambda: NOW)
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(Verifying()), auth=auth) as client:
        await client.get(URL)
        await client.get(URL)
    assert len(asked) == 2


def test_synchronous_clients_are_told():
    auth = HttpxSigV4(key, region="us-east-1")
    with (
        httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(200)), auth=auth) as client,
        pytest.raises(ConfigurationError, match="asynchronous"),
    ):
        client.get(URL)
