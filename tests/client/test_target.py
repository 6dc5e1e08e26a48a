"""Which URL and proof `skerry call` finds for a name, an ARN or a URL of a running stack."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from skerry.auth.login.grant import Grant
from skerry.auth.login.kept import Kept
from skerry.client.target import Wanted, find
from skerry.errors import ConfigurationError
from skerry.settings import SignInSettings

ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:gateway/mine-0123456789"
URL = "http://127.0.0.1:4700/gateway/mine-0123456789/mcp"
STACK = {
    "endpoint": "http://127.0.0.1:4700",
    "region": "us-east-1",
    "account": "123456789012",
    "access_key_id": "AKIAEXAMPLE",
    "secret_access_key": "x" * 40,
    "gateways": {},
    "runtimes": {
        "desk": {"arn": "arn:d", "url": "http://127.0.0.1:4700/d", "auth": "iam", "protocol": "HTTP"},
        "cards": {"arn": "arn:c", "url": "http://127.0.0.1:4700/c", "auth": "iam", "protocol": "A2A"},
        "tools": {"arn": "arn:t", "url": "http://127.0.0.1:4700/t", "auth": "jwt", "protocol": "MCP"},
    },
}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state directory of a running stack."""
    (tmp_path / "stack.json").write_text(json.dumps(STACK))
    return tmp_path


@pytest.mark.parametrize("target", [ARN, URL])
@pytest.mark.parametrize(("token", "mode"), [("", "iam"), ("a token", "bearer")])
def test_what_was_made_with_boto3_is_called_at_the_stack(state: Path, target: str, token: str, mode: str):
    found = find(Wanted(target=target, state=state, token=token))
    assert (found.url, found.mode, found.region) == (URL, mode, "us-east-1")
    assert found.stack == STACK


def test_an_arn_of_another_account_is_called_on_aws_and_without_the_stacks_key(state: Path):
    found = find(Wanted(target=ARN.replace("123456789012", "210987654321"), state=state))
    assert found.url.startswith("https://mine-0123456789.gateway.bedrock-agentcore.us-east-1.amazonaws.com/")
    assert found.stack is None


@pytest.mark.parametrize(
    ("name", "hint"), [("desk", "skerry chat --agent desk"), ("cards", "with it: boto3")]
)
def test_a_runtime_that_is_no_mcp_server_is_not_asked_for_tools(state: Path, name: str, hint: str):
    with pytest.raises(ConfigurationError, match="is no MCP server") as refused:
        find(Wanted(target=name, state=state))
    assert hint in (refused.value.hint or "")


def test_an_mcp_server_is_found_by_name(state: Path):
    found = find(Wanted(target="tools", state=state))
    assert (found.url, found.mode) == ("http://127.0.0.1:4700/t", "bearer")


async def test_who_signed_in_for_a_server_comes_before_a_machine(state: Path, tmp_path: Path):
    sign_in = SignInSettings(tokens=tmp_path / "tokens", keyring=False)
    wanted = Wanted(target="tools", state=state, sign_in=sign_in)
    assert find(wanted).mode == "bearer"
    kept = Kept(sign_in.tokens, use_keyring=False)
    await kept.keep("http://127.0.0.1:4700/t", Grant("a token", issuer="https://login.example.com"))
    assert find(wanted).mode == "browser"
    assert find(replace(wanted, auth="bearer")).mode == "bearer"
    assert find(replace(wanted, token="another")).mode == "bearer"
    kept.drop("http://127.0.0.1:4700/t")
    assert find(wanted).mode == "bearer"


@pytest.mark.behaviour("CLI-WRONG-TARGET")
@pytest.mark.parametrize(
    "target",
    [
        "arn:aws:foo",
        "arn:",
        "arn:aws:s3:::bucket",
        "arn:aws:bedrock-agentcore:us-east-1:123456789012:memory/m-0123456789",
    ],
)
def test_an_arn_of_nothing_that_can_be_called_is_no_name(state: Path, target: str):
    with pytest.raises(ConfigurationError, match="is no ARN of a runtime or gateway") as caught:
        find(Wanted(target=target, state=state))
    assert target in caught.value.message
    assert "runtime/ID" in caught.value.hint
