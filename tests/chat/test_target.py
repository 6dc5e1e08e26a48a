"""Which agent a wish means, and how one proves oneself there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skerry.chat.agents import agents
from skerry.chat.target import Wanted, find
from skerry.errors import ConfigurationError, NotRunningError, StateError
from skerry.settings import SignInSettings
from tests.kit.idp import CHAT, desk
from tests.kit.runtime import ARN, runtime


def test_an_arn_goes_to_aws_unless_an_endpoint_is_named(tmp_path: Path):
    target = find(Wanted(agent=ARN, state=tmp_path, token="t"))
    assert target.url.startswith("https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/arn%3Aaws%3A")
    named = find(Wanted(agent=ARN, state=tmp_path, token="t", endpoint_url="http://127.0.0.1:1"))
    assert named.url.startswith("http://127.0.0.1:1/runtimes/arn%3Aaws%3A")
    assert find(Wanted(runtime_arn=ARN, state=tmp_path, token="t")).name == "ops"


def test_no_stack_says_how_to_start_one(tmp_path: Path):
    with pytest.raises(NotRunningError, match="skerry up"):
        find(Wanted(state=tmp_path))


def test_an_unknown_agent_is_told_the_known_ones(tmp_path: Path):
    with runtime() as stand_in, pytest.raises(ConfigurationError, match=r"no runtime 'x'.*Known: ops"):
        find(Wanted(agent="x", state=stand_in.stack(tmp_path)))


def test_a_server_of_tools_is_no_agent(tmp_path: Path):
    with runtime() as stand_in:
        state = stand_in.stack(tmp_path)
    file = state / "stack.json"
    stack = json.loads(file.read_text())
    stack["runtimes"]["accounts"] = {**stack["runtimes"]["ops"], "protocol": "MCP", "arn": f"{ARN}2"}
    file.write_text(json.dumps(stack))
    with pytest.raises(ConfigurationError, match="'accounts' is no agent") as refused:
        find(Wanted(agent="accounts", state=state))
    assert refused.value.hint == "Its tools: skerry call accounts. Agents here: ops."
    with pytest.raises(ConfigurationError, match="is no agent"):
        find(Wanted(agent=f"{ARN}2", state=state))
    assert [agent.name for agent in agents(Wanted(state=state))] == ["ops"]


def test_a_damaged_stack_file_is_an_error(tmp_path: Path):
    (tmp_path / "stack.json").write_text("{")
    with pytest.raises(StateError):
        find(Wanted(state=tmp_path))


def test_no_fitting_client_says_so(tmp_path: Path):
    with runtime() as stand_in:
        target = find(Wanted(state=stand_in.stack(tmp_path, auth="jwt")))
    with pytest.raises(ConfigurationError, match="SKERRY_TOKEN"):
        target.proof.headers("POST", target.url, {}, b"")


def test_without_a_token_the_server_is_asked_where_to_sign_in(tmp_path: Path):
    client = SignInSettings(tokens=tmp_path, keyring=False)
    target = find(Wanted(agent=ARN, auth="bearer", state=tmp_path, client=client))
    assert target.bearer
    assert target.proof.headers("POST", target.url, {}, b"") == {}
    assert "the sign-in for https://bedrock-agentcore" in target.proof.shown().source


def test_a_function_url_of_the_stack_is_signed_as_it_wants(tmp_path: Path):
    with runtime() as stand_in:
        state = stand_in.stack(tmp_path)
    file = state / "stack.json"
    stack = json.loads(file.read_text())
    urls = {auth: f"{stack['endpoint']}/function-urls/{auth}abc/" for auth in ("iam", "none")}
    stack["functions"] = {auth: {"auth": auth, "url": url, "arn": "a"} for auth, url in urls.items()}
    file.write_text(json.dumps(stack))
    signed = find(Wanted(url=urls["iam"].rstrip("/"), state=state))
    headers = signed.proof.headers("POST", signed.url, {}, b"")
    assert "/us-east-1/lambda/aws4_request" in headers["Authorization"]
    plain = find(Wanted(url=urls["none"], state=state))
    assert plain.proof.headers("POST", plain.url, {}, b"") == {}


@pytest.mark.parametrize("user", ["ann smith", "änn", "x" * 129, "a\nb"])
def test_a_user_that_no_header_can_carry_is_refused(tmp_path: Path, user: str):
    with pytest.raises(ConfigurationError, match="--user"):
        find(Wanted(agent=ARN, user=user, state=tmp_path))


@pytest.mark.parametrize(
    "where", [{"url": "http://agent.example.com"}, {"agent": ARN, "endpoint_url": "http://10.0.0.1"}]
)
def test_a_token_is_not_sent_in_the_clear(tmp_path: Path, where: dict[str, str]):
    with pytest.raises(ConfigurationError, match="without TLS"):
        find(Wanted(token="t", state=tmp_path, **where))  # type: ignore[arg-type]


def test_a_secret_is_not_part_of_a_wish_in_text():
    assert "a-token" not in repr(Wanted(token="a-token"))


@pytest.mark.behaviour("CHAT-CLIENT")
def test_a_client_with_a_secret_proves_itself_at_its_provider(tmp_path: Path):
    with desk() as identity:
        issuer = identity.idp.token_endpoint("desk").removesuffix("/oauth2/token")
        client = SignInSettings(
            issuer=issuer,
            machine=True,
            tokens=tmp_path,
            keyring=False,
            client_id="chat",
            client_secret=CHAT.secret,
            audience="desk-runtime",
            scope="desk/use",
        )
        target = find(Wanted(agent=ARN, client=client, state=tmp_path))
        headers = target.proof.headers("POST", target.url, {}, b"")
        claims = identity.claims(headers["Authorization"].removeprefix("Bearer "))
        shown = target.proof.shown()
        assert target.proof.headers("POST", target.url, {}, b"") == headers  # kept until it ends
        assert target.proof.refused()
    assert (claims["sub"], claims["aud"], claims["scope"]) == ("chat", "desk-runtime", "desk/use")
    assert (shown.identity, shown.expires) == ("chat", pytest.approx(claims["exp"], abs=2))
    assert target.bearer
    assert CHAT.secret not in repr(client)


def test_a_profile_comes_before_a_client_that_is_at_hand(tmp_path: Path):
    client = SignInSettings(issuer="https://idp.example.com", client_id="chat")
    assert find(Wanted(agent=ARN, client=client, state=tmp_path)).bearer
    assert not find(Wanted(agent=ARN, client=client, profile="dev", state=tmp_path)).bearer
