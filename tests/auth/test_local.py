"""Which client of a stack gets the token for a runtime or gateway."""

from __future__ import annotations

import base64

import pytest

from skerry.auth import local
from skerry.errors import ConfigurationError, NotRunningError
from tests.auth.test_oauth import ENDPOINT, TokenEndpoint

GRANTS = ["client_credentials"]
STACK = {
    "realms": {
        "pool": {
            "token_endpoint": ENDPOINT,
            "clients": {
                "exchanger": {"secret": "x", "grants": ["urn:ietf:params:oauth:grant-type:token-exchange"]},
                "first": {"secret": "x", "grants": GRANTS, "audiences": ["one"]},
                "second": {"secret": "x", "grants": GRANTS, "audiences": ["two"]},
            },
        }
    }
}


async def client_for(clock, **entry) -> str:
    endpoint = TokenEndpoint()
    await local.token(
        STACK, {"realm": "pool", **entry}, post=endpoint.post, fetch=endpoint.fetch, clock=clock
    )
    basic = endpoint.headers["Authorization"].removeprefix("Basic ")
    return base64.b64decode(basic).decode().partition(":")[0]


@pytest.mark.parametrize(
    ("entry", "client"),
    [
        ({}, "first"),
        ({"audience": "two"}, "second"),
        ({"client": "second"}, "second"),
        ({"client": "first", "audience": "one"}, "first"),
    ],
)
async def test_the_client_fits_name_and_audience(clock, entry, client):
    assert await client_for(clock, **entry) == client


@pytest.mark.parametrize(
    "entry", [{"client": "exchanger"}, {"client": "nobody"}, {"client": "first", "audience": "two"}]
)
async def test_without_a_fitting_client_the_next_move_is_told(clock, entry):
    with pytest.raises(
        ConfigurationError, match=r"skerry login NAME, or --auth browser\. Or set SKERRY_TOKEN"
    ):
        await client_for(clock, **entry)


def test_a_runtime_comes_before_a_gateway_of_its_name(tmp_path) -> None:
    stack = {
        "runtimes": {"desk": {"arn": "arn:r"}, "ops": {"arn": "arn:o"}},
        "gateways": {"desk": {"arn": "arn:g"}, "tools": {"arn": "arn:t"}},
        "default_gateway": "tools",
    }

    def found(name: str) -> tuple[str, str]:
        kind, entry = local.runtime_or_gateway(stack, name, state=tmp_path)
        return kind, entry["arn"]

    assert found("desk") == ("runtime", "arn:r")
    assert found("tools") == found("") == ("gateway", "arn:t")
    with pytest.raises(ConfigurationError, match="neither a runtime nor a gateway 'nope'") as refused:
        found("nope")
    assert refused.value.hint is not None
    assert refused.value.hint.startswith("Known: runtimes desk, ops; gateways desk, tools. One that was made")
    with pytest.raises(NotRunningError):
        local.runtime_or_gateway(None, "desk", state=tmp_path)


RUNNING = {
    "endpoint": "http://127.0.0.1:4700",
    "region": "us-east-1",
    "account": "123456789012",
    "gateways": {"desk": {"arn": "arn:d", "url": "http://127.0.0.1:4700/gateway/desk-1/mcp", "auth": "jwt"}},
}
ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:"


def test_what_was_made_with_boto3_is_found_at_the_stack_by_its_arn():
    gateway = local.by_arn(RUNNING, f"{ARN}gateway/mine-0123456789")
    runtime = local.by_arn(RUNNING, f"{ARN}runtime/mine-0123456789")
    assert gateway is not None
    assert runtime is not None
    assert (gateway["url"], gateway["auth"]) == ("http://127.0.0.1:4700/gateway/mine-0123456789/mcp", "")
    assert runtime["url"].startswith("http://127.0.0.1:4700/runtimes/arn%3Aaws%3Abedrock-agentcore%3A")


@pytest.mark.parametrize(
    "arn",
    [
        f"{ARN}gateway/mine-0123456789".replace("us-east-1", "eu-west-1"),
        f"{ARN}gateway/mine-0123456789".replace("123456789012", "210987654321"),
        f"{ARN}memory/mine-0123456789",
    ],
)
def test_an_arn_of_another_account_or_region_is_not_the_stacks(arn: str):
    assert local.by_arn(RUNNING, arn) is None
    assert local.by_arn(None, arn) is None


def test_a_url_of_the_stack_is_known_as_the_stacks():
    declared = local.by_url(RUNNING, "http://127.0.0.1:4700/gateway/desk-1/mcp")
    made = local.by_url(RUNNING, "http://127.0.0.1:4700/gateway/mine-0123456789/mcp")
    assert declared is not None
    assert made is not None
    assert (declared["name"], declared["auth"]) == ("desk", "jwt")
    assert (made["name"], made["auth"]) == ("mine-0123456789", "")
    assert local.by_url(RUNNING, "http://127.0.0.1:47001/gateway/mine/mcp") is None
    assert local.by_url(RUNNING, "http://127.0.0.1:4700/mcp") is None


def test_a_name_that_is_nearly_one_of_the_stack_leads_to_it(tmp_path) -> None:
    stack = {"runtimes": {"ops": {}}, "gateways": {"desk-jwt": {}}}
    with pytest.raises(ConfigurationError) as refused:
        local.runtime_or_gateway(stack, "desk-jtw", state=tmp_path)
    assert refused.value.hint.startswith("Did you mean: desk-jwt? Known: runtimes ops; gateways desk-jwt.")
