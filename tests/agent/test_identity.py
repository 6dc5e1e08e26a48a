"""Every request to the gateway is proved for the caller of its invocation, and for no other."""

from __future__ import annotations

import base64
import json
import time
from urllib.parse import urlsplit

import pytest

from skerry.agent.identity import USER_HEADER, caller
from skerry.auth.aws.sigv4 import check, presented
from skerry.errors import SignatureError, TokenError
from tests.agent.conftest import KEYS, Start
from tests.kit.agent_client import error, said
from tests.kit.mcp_gateway import StandIn
from tests.kit.scripted_model import Say, Use

READ = Use.one("accounts___get_email", account_id="12345")


def jwt(subject: str, *, nonce: int = 0, issuer: str = "http://idp/desk") -> str:
    """A token whose claims can be read; the runtime has verified it, so its signature is not looked at."""
    parts = [{"alg": "none"}, {"iss": issuer, "sub": subject, "nonce": nonce}]
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
        + ".x"
    )


class Exchange:
    """A token endpoint: from `subject-token` to `for-gateway(subject-token)`."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, subject: str) -> str:
        self.asked.append(subject)
        return f"for-gateway-{len(subject)}-{subject[-20:]}"


def signed_right(headers: dict[str, str], body: bytes, path: str) -> tuple[int, str] | None:
    """A gateway with AWS_IAM: recomputes the signature."""
    try:
        shown = presented("POST", path.encode(), b"", list(headers.items()))
        shown.require(service="bedrock-agentcore", region="eu-west-1")
        check(shown, body, KEYS.secret_access_key, now=time.time(), expected_token=KEYS.session_token)
    except SignatureError as problem:
        return 403, str(problem)
    return None


@pytest.mark.behaviour("AGENT-SIGV4")
def test_without_a_token_every_request_is_signed_with_the_role(start: Start, stand_in: StandIn):
    stand_in.guard = lambda headers, body, path: signed_right(headers, body, path) if body else None
    asking = start([READ, Say("ok")], gateway_url=stand_in.url, gateway_auth="auto", region="eu-west-1")
    assert said(asking.ask("hi", region="eu-west-1", agent_name="ops")).strip() == "ok"
    assert stand_in.calls() == ["accounts___get_email"]


@pytest.mark.behaviour("AGENT-CONTEXT")
def test_context_and_trace_travel_unsigned(start: Start, modern: StandIn):
    asking = start([READ, Say("ok"), READ, Say("ok")], gateway_url=modern.url)
    asking.headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    asking.ask("hi", region="eu-west-1", agent_name="Zoë", timestamp=17.5, user_preferences={"raw": True})
    call = [item for item in modern.seen if item.method == "tools/call"][-1]
    assert call.headers["x-session-id"] == asking.session
    assert call.headers["x-client-region"] == "eu-west-1"
    assert call.headers["x-client-timestamp"] == "17.5"
    assert json.loads(call.headers["x-client-preferences"]) == {"raw": True}
    assert call.headers["traceparent"] == asking.headers["traceparent"]
    signed = call.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert "host" in signed
    assert not [name for name in signed if name.startswith(("x-client", "x-session", "trace"))]

    asking.headers = {}
    asking.ask("again", region="us-west-2")
    call = [item for item in modern.seen if item.method == "tools/call"][-1]
    assert call.headers["x-client-region"] == "us-west-2"
    assert "traceparent" not in call.headers


@pytest.mark.behaviour("AGENT-CONTEXT")
def test_the_session_is_the_runtimes_word_and_not_the_clients(start: Start, modern: StandIn):
    asking = start([READ, Say("ok")], gateway_url=modern.url)
    asking.ask("hi", session_id="somebody-else-s-session-of-enough-length")
    assert {item.headers["x-session-id"] for item in modern.seen} == {asking.session}


@pytest.mark.behaviour("AGENT-EXCHANGE")
def test_a_callers_token_is_exchanged_and_never_passed_on(start: Start, stand_in: StandIn):
    exchange = Exchange()
    token = jwt("chat")
    asking = start([READ, Say("ok")], gateway_url=stand_in.url, gateway_auth="auto", tokens=exchange)
    asking.headers = {"Authorization": f"Bearer {token}"}
    asking.ask("hi")
    assert set(exchange.asked) == {token}
    assert {item.headers["authorization"] for item in stand_in.seen} == {
        f"Bearer for-gateway-{len(token)}-{token[-20:]}"
    }
    assert token not in str([item.headers for item in stand_in.seen])


@pytest.mark.behaviour("AGENT-EXCHANGE")
def test_a_renewed_token_of_the_same_caller_is_taken_at_once(start: Start, modern: StandIn):
    turns = [READ, Say("ok"), READ, Say("ok")]
    asking = start(turns, gateway_url=modern.url, gateway_auth="auto", tokens=Exchange())
    for nonce in (1, 100_000):
        asking.headers = {"Authorization": f"Bearer {jwt('chat', nonce=nonce)}"}
        asking.ask("hi")
    assert len({item.headers["authorization"] for item in modern.seen}) == 2


@pytest.mark.behaviour("AGENT-OWNER")
@pytest.mark.parametrize(
    "other", [{"Authorization": f"Bearer {jwt('mallory')}"}, {"Authorization": "Bearer opaque"}, {}]
)
def test_a_session_belongs_to_the_caller_who_began_it(start: Start, modern: StandIn, other: dict[str, str]):
    asking = start([Say("ok")], gateway_url=modern.url, gateway_auth="auto", tokens=Exchange())
    asking.headers = {"Authorization": f"Bearer {jwt('chat')}"}
    asking.ask("hi")
    asking.headers = other
    assert error(asking.ask("what did they say?"))[0] == "ACCESS_DENIED"


def test_a_refused_exchange_is_an_error_that_says_why(start: Start, modern: StandIn):
    async def refuse(_: str) -> str:
        raise TokenError("audience", "the identity provider refused: invalid_target")

    asking = start([], gateway_url=modern.url, gateway_auth="auto", tokens=refuse)
    asking.headers = {"Authorization": f"Bearer {jwt('chat')}"}
    code, text = error(asking.ask("hi"))
    assert code == "GATEWAY_ERROR"
    assert "invalid_target" in text
    assert modern.seen == []


def test_bearer_without_a_caller_is_a_token_of_the_agents_own(start: Start, modern: StandIn):
    exchange = Exchange()
    start([Say("ok")], gateway_url=modern.url, gateway_auth="bearer", tokens=exchange).ask("hi")
    assert set(exchange.asked) == {""}
    assert modern.seen[0].headers["authorization"] == "Bearer for-gateway-0-"


def test_iam_signs_even_for_a_caller_with_a_token(start: Start, modern: StandIn):
    asking = start([Say("ok")], gateway_url=modern.url, gateway_auth="iam")
    asking.headers = {"Authorization": f"Bearer {jwt('chat')}"}
    asking.ask("hi")
    assert modern.seen[0].headers["authorization"].startswith("AWS4-HMAC-SHA256 ")


def test_a_mode_that_is_none_is_a_plain_error(start: Start, modern: StandIn):
    assert (
        error(start([], gateway_url=modern.url, gateway_auth="magic").ask("hi"))[0] == "CONFIGURATION_ERROR"
    )


def test_a_redirect_is_not_followed_with_the_proof(start: Start, modern: StandIn):
    modern.guard = lambda headers, body, path: (307, "elsewhere") if path == "/mcp" else None
    assert error(start([], gateway_url=modern.url).ask("hi"))[0] == "GATEWAY_ERROR"
    assert {urlsplit(item.path).path for item in modern.seen} == {"/mcp"}


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        (None, "session:s"),
        ({}, "session:s"),
        ({"Authorization": "AWS4-HMAC-SHA256 x"}, "session:s"),
        ({"Authorization": "Bearer "}, "session:s"),
        ({USER_HEADER: "ada"}, "session:s"),
        ({"authorization": f"bearer {jwt('me')}"}, "jwt:me@http://idp/desk"),
    ],
)
def test_who_asks(headers: dict[str, str] | None, name: str):
    assert caller(headers, session_id="s").name == name


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "..", "e30.e30.x", "a.W10.c", "a.bnVsbA.c"])
def test_a_token_of_another_kind_is_its_own_name_without_its_bytes(token: str):
    found = caller({"Authorization": f"Bearer {token}"}, session_id="s")
    assert found.name.startswith("token:")
    assert token not in found.name or len(token) < 5
    assert found.token == token
    assert "token='" not in repr(found)
