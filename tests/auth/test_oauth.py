from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.auth.oauth import EXCHANGE, Client, OAuthError, TokenSource
from skerry.errors import RemoteError, SkerryError
from tests.kit.clock import FakeClock

ENDPOINT = "https://idp.example.com/oauth2/token"
SECRET = "a secret: +/%"


class TokenEndpoint:
    """A token endpoint as the ports `Post` and `Fetch`; hands out `token-1`, `token-2` … and keeps the requests."""

    def __init__(self) -> None:
        self.forms: list[dict[str, str]] = []
        self.headers: dict[str, str] = {}
        self.members: dict[str, Any] = {"token_type": "Bearer", "expires_in": 300}
        self.answer: tuple[int, bytes] | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.down = False

    async def post(self, url, form, headers) -> tuple[int, bytes]:
        assert url == ENDPOINT
        self.forms.append(dict(form))
        self.headers = dict(headers)
        await self.gate.wait()
        if self.down:
            raise ConnectionRefusedError("no")
        return self.answer or (
            200,
            json.dumps({"access_token": f"token-{len(self.forms)}", **self.members}).encode(),
        )

    async def fetch(self, url: str) -> bytes:
        assert url == "https://idp.example.com/.well-known/openid-configuration"
        return json.dumps({"token_endpoint": ENDPOINT}).encode()


@pytest.fixture
def endpoint() -> TokenEndpoint:
    return TokenEndpoint()


@pytest.fixture
def source(endpoint, clock) -> TokenSource:
    return make(endpoint, clock)


def make(endpoint: TokenEndpoint, clock: FakeClock, **changes: str) -> TokenSource:
    client = Client(
        **{"client_id": "gate way", "client_secret": SECRET, "token_endpoint": ENDPOINT, **changes}
    )
    return TokenSource(client, post=endpoint.post, fetch=endpoint.fetch, clock=clock)


async def test_client_credentials(source, endpoint):
    assert await source.client_credentials(scope="desk/use", audience="desk-gateway") == "token-1"
    assert endpoint.forms == [
        {"grant_type": "client_credentials", "scope": "desk/use", "audience": "desk-gateway"}
    ]
    basic = base64.b64decode(endpoint.headers["Authorization"].removeprefix("Basic ")).decode()
    assert basic == "gate+way:a+secret%3A+%2B%2F%25"


@pytest.mark.behaviour("AUTH-EXCHANGE")
async def test_token_exchange(source, endpoint):
    assert await source.exchange("subject", resource="https://api.example.com", scope="read") == "token-1"
    assert endpoint.forms == [
        {
            "grant_type": EXCHANGE,
            "subject_token": "subject",
            "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "resource": "https://api.example.com",
            "scope": "read",
        }
    ]


@pytest.mark.behaviour("GW-OUT-CUSTOM")
async def test_custom_parameters_go_along_and_cannot_say_who_asks_for_whom(source, endpoint):
    kind = "urn:ietf:params:oauth:token-type:jwt"
    custom = {
        "subject_token_type": kind,
        "tenant": "t",
        "subject_token": "another",
        "grant_type": "password",
        "client_id": "another",
        "client_secret": "x",
    }
    await source.exchange("subject", custom=custom)
    form = endpoint.forms[0]
    assert (form["grant_type"], form["subject_token"], form["subject_token_type"]) == (
        EXCHANGE,
        "subject",
        kind,
    )
    assert form["tenant"] == "t"
    assert not {"client_id", "client_secret"} & set(form)


@pytest.mark.behaviour("GW-OUT-CUSTOM")
async def test_a_token_is_kept_for_its_custom_parameters(source):
    first = await source.client_credentials(custom={"tenant": "a"})
    assert await source.client_credentials(custom={"tenant": "a"}) == first
    assert await source.client_credentials(custom={"tenant": "b"}) != first
    assert await source.client_credentials() != first


async def test_the_endpoint_is_found_by_discovery_once(endpoint, clock):
    discovery = "https://idp.example.com/.well-known/openid-configuration"
    source = make(endpoint, clock, token_endpoint="", discovery_url=discovery)
    assert await source.client_credentials() == "token-1"
    assert await source.client_credentials(scope="other") == "token-2"


@pytest.mark.behaviour("AUTH-EXCHANGE")
async def test_a_token_is_kept_until_thirty_seconds_before_its_end(source, clock):
    assert await source.exchange("subject", audience="accounts") == "token-1"
    clock.advance(269.9)
    assert await source.exchange("subject", audience="accounts") == "token-1"
    clock.advance(0.1)
    assert await source.exchange("subject", audience="accounts") == "token-2"


@pytest.mark.behaviour("AUTH-EXCHANGE")
async def test_no_caller_gets_the_token_of_another(source):
    seen = [
        await source.exchange("subject", audience="accounts"),
        await source.exchange("other subject", audience="accounts"),
        await source.exchange("subject", audience="reports"),
        await source.exchange("subject", resource="accounts"),
        await source.exchange("subject", audience="accounts", scope="read"),
        await source.client_credentials(audience="accounts"),
    ]
    assert len(set(seen)) == 6


@pytest.mark.parametrize("lifetime", [0, 30, -5, None, "300", True, float("inf"), 10**400, [300]])
async def test_a_token_of_short_or_unknown_life_is_not_kept(source, endpoint, lifetime):
    endpoint.members["expires_in"] = lifetime
    assert await source.client_credentials() == "token-1"
    assert await source.client_credentials() == "token-2"


async def test_callers_at_the_same_time_share_one_request(source, endpoint):
    endpoint.gate.clear()
    calls = [asyncio.create_task(source.client_credentials()) for _ in range(20)]
    await asyncio.sleep(0)
    calls[0].cancel()
    endpoint.gate.set()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert set(answers[1:]) == {"token-1"}


async def test_an_error_reaches_every_waiting_caller_and_is_not_kept(source, endpoint):
    endpoint.gate.clear()
    endpoint.down = True
    calls = [asyncio.create_task(source.client_credentials()) for _ in range(3)]
    await asyncio.sleep(0)
    endpoint.gate.set()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in answers] == [RemoteError] * 3
    endpoint.down = False
    assert await source.client_credentials() == "token-2"


async def test_a_refusal_keeps_its_code_and_tells_no_secret(source, endpoint):
    endpoint.answer = (400, b'{"error":"invalid_target","error_description":"no such\\r\\nbackend \xc3\xa9"}')
    with pytest.raises(OAuthError) as caught:
        await source.exchange("the subject token", audience="accounts")
    assert (caught.value.status, caught.value.error) == (400, "invalid_target")
    assert str(caught.value) == "The identity provider refused: invalid_target: no such??backend ?"
    assert SECRET not in repr(Client(client_id="x", client_secret=SECRET))


@pytest.mark.parametrize(
    "answer",
    [
        (200, b""),
        (200, b"[]"),
        (200, b"{}"),
        (200, b'{"access_token":""}'),
        (200, b'{"access_token":"x"}'),
        (200, b'{"access_token":"x","token_type":"mac"}'),
        (200, b'{"access_token":5,"token_type":"Bearer"}'),
        (200, b"[" * 60_000),
        (200, b'{"access_token":"x","token_type":"Bearer"}' + b" " * 70_000),
        (500, b"<html>"),
        (302, b""),
        (400, b'{"error":{"a":1}}'),
    ],
)
async def test_other_answers_are_remote_errors(source, endpoint, answer):
    endpoint.answer = answer
    with pytest.raises(RemoteError):
        await source.client_credentials()


@given(st.integers(200, 599), st.binary(max_size=60))
def test_no_answer_raises_anything_but_a_remote_error(status, body):
    async def ask() -> None:
        endpoint = TokenEndpoint()
        endpoint.answer = (status, body)
        with pytest.raises(SkerryError):
            await make(endpoint, FakeClock()).client_credentials()

    asyncio.run(ask())


async def test_a_refused_token_can_be_forgotten(source):
    assert await source.client_credentials() == "token-1"
    source.forget("token-1")
    assert await source.client_credentials() == "token-2"


async def test_the_number_of_kept_tokens_is_bounded(source):
    first = await source.exchange("subject 0")
    for number in range(1, 1026):
        await source.exchange(f"subject {number}")
    assert await source.exchange("subject 1025") == "token-1026"
    assert await source.exchange("subject 0") != first
