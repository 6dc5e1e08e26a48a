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
    with pytest.raises(ConfigurationError, match="Set SKERRY_TOKEN"):
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
    assert refused.value.hint == "Known: runtimes desk, ops; gateways desk, tools."
    with pytest.raises(NotRunningError):
        local.runtime_or_gateway(None, "desk", state=tmp_path)
