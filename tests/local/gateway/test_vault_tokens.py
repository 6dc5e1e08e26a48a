"""Targets whose credential provider has no client secret: the token vault gets their tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from skerry.local import users
from skerry.local.ports.tokens import ConsentNeeded, ResourceToken, TokenAsk
from tests.kit.gateway_stack import Stack, gateway_stack, post
from tests.kit.idp import Desk, desk
from tests.kit.mcp_backends import Backend
from tests.local.gateway.test_outbound import (
    ECHO,
    PROVIDER,
    bearer,
    discovery,
    jwt_gateway,
    mcp,
    oauth,
    sent_token,
)

KEY = {"clientAuthenticationMethod": "PRIVATE_KEY_JWT"}
IAM = {"clientAuthenticationMethod": "AWS_IAM_ID_TOKEN_JWT"}
EXCHANGES = {"onBehalfOfTokenExchangeConfig": {"grantType": "JWT_AUTHORIZATION_GRANT"}}


class Vault:
    """Implements `ports.ResourceTokens`: a token for every ask, a new one after a refusal."""

    def __init__(self) -> None:
        self.asks: list[TokenAsk] = []
        self.refusals: list[str] = []

    async def token(self, ask: TokenAsk) -> ResourceToken | ConsentNeeded:
        self.asks.append(ask)
        return ResourceToken(f"token-{len(self.refusals)}", "whoever")

    async def complete(self, session_uri: str, user: str) -> None:
        raise AssertionError(session_uri)

    def refused(self, ask: TokenAsk, token: ResourceToken) -> None:
        assert ask in self.asks
        self.refusals.append(token.access_token)


@pytest.fixture(scope="module")
def idp() -> Iterator[Desk]:
    with desk() as running:
        yield running


@pytest.fixture(scope="module")
def vault() -> Vault:
    return Vault()


@pytest.fixture(scope="module")
def stack(vault: Vault) -> Iterator[Stack]:
    with gateway_stack(resource_tokens=vault) as running:
        yield running


def provider(stack: Stack, idp: Desk, **configuration: Any) -> None:
    stack.resources.providers[PROVIDER] = {
        "name": "desk",
        "clientId": "gateway",
        "clientSecret": "",
        "discoveryUrl": discovery(idp),
        "configuration": configuration,
    }


@pytest.mark.behaviour("GW-OUT-VAULT")
@pytest.mark.parametrize("configuration", [KEY, IAM])
def test_a_client_with_a_key_gets_the_gateways_own_token(
    stack: Stack, vault: Vault, idp: Desk, backend: Backend, configuration: Any
) -> None:
    provider(stack, idp, **configuration)
    more = {"customParameters": {"audience": "accounts", "tier": "gold"}, "scopes": ["a", "b"]}
    gateway = jwt_gateway(stack, idp)
    url = mcp(stack, gateway, backend, oauth("CLIENT_CREDENTIALS", **more))
    answer = post(url, "tools/call", ECHO, headers=bearer(idp.token(audience="desk-gateway")))
    assert answer.json()["result"]["content"][0]["text"] == "x"
    assert sent_token(backend).startswith("token-")
    ask = vault.asks[-1]
    assert (ask.provider_arn, ask.workload, ask.flow) == (PROVIDER, gateway, "M2M")
    assert (ask.scopes, ask.audiences, ask.custom_parameters) == (
        ("a", "b"),
        ("accounts",),
        (("tier", "gold"),),
    )
    assert (ask.user, ask.user_token) == ("", "")
    assert f":assumed-role/desk-gateway/gateway-{gateway}" in ask.principal
    hop = stack.recorder.named("→ MCP tools/call")[-1]
    assert (hop.detail["grant"], "token-" in repr(hop)) == ("CLIENT_CREDENTIALS", False)


@pytest.mark.behaviour("GW-OUT-VAULT")
@pytest.mark.parametrize("configuration", [KEY, EXCHANGES])
def test_an_exchange_is_the_vaults_and_for_the_caller(
    stack: Stack, vault: Vault, idp: Desk, backend: Backend, configuration: Any
) -> None:
    provider(stack, idp, **configuration)
    url = mcp(stack, jwt_gateway(stack, idp), backend, oauth("TOKEN_EXCHANGE"))
    mine = idp.token(audience="desk-gateway")
    assert "error" not in post(url, "tools/call", ECHO, headers=bearer(mine)).json()
    assert sent_token(backend) != mine
    ask = vault.asks[-1]
    assert (ask.flow, ask.user_token) == ("ON_BEHALF_OF_TOKEN_EXCHANGE", mine)
    assert ask.user == users.of_claims(idp.claims(mine))
    assert mine not in repr(ask)


@pytest.mark.behaviour("GW-OUT-VAULT")
def test_a_token_that_the_target_refuses_is_dropped_in_the_vault(
    stack: Stack, vault: Vault, idp: Desk, backend: Backend
) -> None:
    provider(stack, idp, **KEY)
    url = mcp(stack, jwt_gateway(stack, idp), backend, oauth("CLIENT_CREDENTIALS"))
    token = bearer(idp.token(audience="desk-gateway"))
    post(url, "tools/call", ECHO, headers=token)
    before, first = len(vault.refusals), sent_token(backend)
    backend.refuse = (401, b"{}")
    post(url, "tools/call", ECHO, headers=token)
    backend.refuse = None
    assert vault.refusals[before] == first
    post(url, "tools/call", ECHO, headers=token)
    assert sent_token(backend) != first
