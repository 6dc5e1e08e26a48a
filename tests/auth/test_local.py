"""Which client of a stack gets the token for a runtime or gateway."""

from __future__ import annotations

import base64

import pytest

from skerry.auth import local
from skerry.errors import ConfigurationError
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
