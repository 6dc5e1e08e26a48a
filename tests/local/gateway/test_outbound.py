"""What the gateway shows to targets in place of the caller's credentials, and that nothing leaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from skerry.auth.aws import sigv4
from skerry.local.ports.resources import Change
from tests.kit.gateway_stack import REGION, FakeLambda, Stack, post
from tests.kit.idp import SECRETS, Desk, desk
from tests.kit.mcp_backends import Backend

PROVIDER = (
    f"arn:aws:bedrock-agentcore:{REGION}:123456789012:token-vault/default/oauth2credentialprovider/desk"
)
ECHO: dict[str, Any] = {"name": "echo___echo", "arguments": {"text": "x"}}


@pytest.fixture(scope="module")
def idp() -> Iterator[Desk]:
    with desk() as running:
        yield running


@pytest.fixture
def provider(stack: Stack, idp: Desk) -> str:
    stack.resources.providers[PROVIDER] = {
        "name": "desk",
        "clientId": "gateway",
        "clientSecret": SECRETS["gateway"],
        "discoveryUrl": discovery(idp),
    }
    return PROVIDER


def discovery(idp: Desk) -> str:
    return f"{idp.idp.issuers['desk']}/.well-known/openid-configuration"


def oauth(grant: str | None, **members: Any) -> list[dict[str, Any]]:
    configured = {"providerArn": PROVIDER, "scopes": [], "customParameters": {"audience": "accounts"}}
    configured |= {"grantType": grant} if grant else {}
    configured |= members
    return [
        {
            "credentialProviderType": "OAUTH",
            "credentialProvider": {"oauthCredentialProvider": configured},
        }
    ]


def jwt_gateway(stack: Stack, idp: Desk, **members: Any) -> str:
    rules = {"discoveryUrl": discovery(idp), "allowedAudience": ["desk-gateway"]}
    return stack.gateway(authorizer="CUSTOM_JWT", jwt=rules, **members)


def mcp(stack: Stack, gateway: str, backend: Backend, credentials: Any = None, **members: Any) -> str:
    extra = {"credentialProviderConfigurations": credentials} if credentials else {}
    stack.target(gateway, "echo", {"mcpServer": {"endpoint": backend.url}}, **extra, **members)
    return stack.url(gateway)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def sent_token(backend: Backend, method: str = "tools/call") -> str:
    return backend.named(method)[-1].headers["authorization"].removeprefix("Bearer ")


class TestExchange:
    @pytest.mark.behaviour("GW-OUT-EXCHANGE")
    def test_the_callers_token_is_exchanged_for_one_of_the_targets_audience(
        self, stack: Stack, idp: Desk, provider: str, backend: Backend
    ) -> None:
        url = mcp(stack, jwt_gateway(stack, idp), backend, oauth("TOKEN_EXCHANGE"))
        mine = idp.token(audience="desk-gateway")
        answer = post(url, "tools/call", ECHO, headers=bearer(mine))
        assert answer.json()["result"]["content"][0]["text"] == "x"
        token = sent_token(backend)
        claims = idp.claims(token)
        assert token != mine
        assert (claims["aud"], claims["sub"], claims["client_id"]) == ("accounts", "chat", "gateway")
        assert claims["act"]["sub"] == "gateway"
        hop = stack.recorder.named("→ MCP tools/call")[-1]
        assert hop.identity == f"chat@{idp.idp.issuers['desk']}"
        assert hop.auth == "jwt"
        assert hop.detail["audience"] == "accounts"
        assert (hop.detail["grant"], hop.detail["actor"]) == ("TOKEN_EXCHANGE", "gateway")

    @pytest.mark.behaviour("GW-OUT-CACHE")
    def test_an_exchanged_token_is_kept_for_the_same_caller_token_only(
        self, stack: Stack, idp: Desk, provider: str, backend: Backend
    ) -> None:
        url = mcp(stack, jwt_gateway(stack, idp), backend, oauth("TOKEN_EXCHANGE"))
        mine, other = idp.token(audience="desk-gateway"), idp.token(audience="desk-gateway")
        tokens = []
        for token in (mine, mine, other):
            post(url, "tools/call", ECHO, headers=bearer(token))
            tokens.append(sent_token(backend))
        assert tokens[0] == tokens[1] != tokens[2]

    def test_a_token_that_the_target_refused_is_not_used_again(
        self, stack: Stack, idp: Desk, provider: str, backend: Backend
    ) -> None:
        url = mcp(stack, jwt_gateway(stack, idp), backend, oauth("TOKEN_EXCHANGE"))
        headers = bearer(idp.token(audience="desk-gateway"))
        post(url, "tools/call", ECHO, headers=headers)
        first = sent_token(backend)
        backend.refuse = (401, b"")
        post(url, "tools/call", ECHO, headers=headers)
        backend.refuse = None
        post(url, "tools/call", ECHO, headers=headers)
        assert sent_token(backend) != first

    @pytest.mark.behaviour("GW-SYNC-CC")
    def test_the_catalogue_is_listed_with_the_gateways_own_token(
        self, stack: Stack, idp: Desk, provider: str, backend: Backend
    ) -> None:
        url = mcp(stack, jwt_gateway(stack, idp), backend, oauth("TOKEN_EXCHANGE"))
        post(url, "tools/list", headers=bearer(idp.token(audience="desk-gateway")))
        claims = idp.claims(sent_token(backend, "tools/list"))
        assert (claims["aud"], claims["sub"], "act" in claims) == ("accounts", "gateway", False)
        assert stack.recorder.named("→ MCP tools/list")[-1].detail["grant"] == "CLIENT_CREDENTIALS"

    def test_a_caller_without_a_token_cannot_be_exchanged(
        self, stack: Stack, provider: str, backend: Backend
    ) -> None:
        gateway = stack.gateway(authorizer="AWS_IAM", exceptionLevel="DEBUG")
        url = mcp(stack, gateway, backend, oauth("TOKEN_EXCHANGE"))
        result = post(url, "tools/call", ECHO, sign=stack).json()["result"]
        assert "TOKEN_EXCHANGE needs the bearer token of a caller" in result["content"][0]["text"]
        assert backend.named("tools/call") == []

    @pytest.mark.behaviour("GW-OUT-REFUSED")
    def test_an_audience_that_the_provider_refuses_fails_the_call_and_says_so(
        self, stack: Stack, idp: Desk, provider: str, backend: Backend
    ) -> None:
        gateway = jwt_gateway(stack, idp, exceptionLevel="DEBUG")
        credentials = oauth("TOKEN_EXCHANGE", customParameters={"audience": "elsewhere"})
        tools = json.dumps([{"name": "echo", "inputSchema": {"type": "object"}}])
        static = {"endpoint": backend.url, "mcpToolSchema": {"inlinePayload": tools}}
        stack.target(gateway, "echo", {"mcpServer": static}, credentialProviderConfigurations=credentials)
        mine = idp.token(audience="desk-gateway")
        answer = post(stack.url(gateway), "tools/call", ECHO, headers=bearer(mine))
        text = answer.json()["result"]["content"][0]["text"]
        assert "invalid_target" in text
        assert mine not in answer.text
        assert backend.seen == []


class TestClientCredentials:
    @pytest.mark.behaviour("GW-OUT-CC")
    @pytest.mark.parametrize("grant", ["CLIENT_CREDENTIALS", None])
    def test_the_target_gets_a_token_of_the_gateway_itself(
        self, stack: Stack, idp: Desk, provider: str, backend: Backend, grant: str | None
    ) -> None:
        gateway = stack.gateway(authorizer="AWS_IAM")
        url = mcp(stack, gateway, backend, oauth(grant))
        post(url, "tools/call", ECHO, sign=stack)
        claims = idp.claims(sent_token(backend))
        assert (claims["aud"], claims["sub"]) == ("accounts", "gateway")
        assert stack.recorder.named("→ MCP tools/call")[-1].identity == "gateway"

    def test_a_missing_provider_makes_the_target_unavailable(self, stack: Stack, backend: Backend) -> None:
        gateway = stack.gateway()
        url = mcp(stack, gateway, backend, oauth("CLIENT_CREDENTIALS", providerArn="arn:aws:x:y:z:nothing"))
        text = post(url, "tools/call", ECHO).json()["result"]["content"][0]["text"]
        assert "does not exist" in text

    @pytest.mark.behaviour("GW-OUT-KIND")
    @pytest.mark.parametrize(
        ("kind", "reason"),
        [
            ("SOMETHING_NEW", "SOMETHING_NEW is not served"),
            ("JWT_PASSTHROUGH", "JWT_PASSTHROUGH is for HTTP targets only"),
            ("CALLER_IAM_CREDENTIALS", "needs a caller who signed the request"),
            ("API_KEY", "The API key credential provider  does not exist"),
        ],
    )
    def test_a_credential_that_cannot_be_had_fails_closed(
        self, stack: Stack, backend: Backend, kind: str, reason: str
    ) -> None:
        url = mcp(stack, stack.gateway(), backend, [{"credentialProviderType": kind}])
        headers = {"authorization": "Bearer of-a-caller"}
        text = post(url, "tools/call", ECHO, headers=headers).json()["result"]["content"][0]["text"]
        assert reason in text
        assert backend.seen == []


class TestRole:
    @pytest.mark.behaviour("GW-OUT-IAM")
    @pytest.mark.parametrize("modern", [False, True])
    def test_a_request_to_an_mcp_server_is_signed_with_the_gateways_role(
        self, stack: Stack, backend: Backend, modern: bool
    ) -> None:
        iam = {"iamCredentialProvider": {"service": "bedrock-agentcore", "region": "eu-west-1"}}
        role = [{"credentialProviderType": "GATEWAY_IAM_ROLE", "credentialProvider": iam}]
        gateway = stack.gateway(authorizer="NONE")
        url = mcp(stack, gateway, backend, role)
        assert post(url, "tools/call", ECHO, modern=modern).status_code == 200
        seen = backend.named("tools/call")[-1]
        shown = sigv4.presented("POST", b"/mcp", seen.query.encode(), list(seen.headers.items()))
        assert (shown.service, shown.region) == ("bedrock-agentcore", "eu-west-1")
        assert "x-amz-security-token" in seen.headers
        hop = stack.recorder.named("→ MCP tools/call")[-1]
        role_arn = f"arn:aws:sts::123456789012:assumed-role/desk-gateway/gateway-{gateway}"
        assert (hop.auth, hop.identity) == ("sigv4", role_arn)

    def test_the_service_must_be_named(self, stack: Stack, backend: Backend) -> None:
        url = mcp(stack, stack.gateway(), backend, [{"credentialProviderType": "GATEWAY_IAM_ROLE"}])
        text = post(url, "tools/call", ECHO).json()["result"]["content"][0]["text"]
        assert "iamCredentialProvider.service" in text

    def test_the_roles_credentials_end_with_the_gateway(self, stack: Stack) -> None:
        gateway = stack.gateway()
        tool = {"name": "hello", "description": "", "inputSchema": {"type": "object"}}
        stack.functions.functions["fn"] = lambda event, custom: "good"
        stack.lambda_target(gateway, "fn", [tool])
        post(stack.url(gateway), "tools/call", {"name": "fn___hello"})
        first = stack.functions.invocations[-1].headers["x-amz-security-token"]
        record = stack.resources.gateways[gateway]
        stack.resources.change(Change("gateway", "updated", gateway, record))
        post(stack.url(gateway), "tools/call", {"name": "fn___hello"})
        assert stack.functions.invocations[-1].headers["x-amz-security-token"] == first
        other = {**record, "roleArn": "arn:aws:iam::123456789012:role/other"}
        stack.resources.gateways[gateway] = other
        stack.resources.change(Change("gateway", "updated", gateway, other))
        post(stack.url(gateway), "tools/call", {"name": "fn___hello"})
        assert stack.functions.invocations[-1].headers["x-amz-security-token"] != first
        assert "/other/" in stack.functions.invocations[-1].caller
        assert isinstance(stack.functions, FakeLambda)


OUTSIDE: dict[str, str] = {
    "x-jwt-token": "LEAK-jwt",
    "x-tenant-id": "LEAK-tenant",
    "x-user-id": "LEAK-user",
    "cookie": "LEAK-cookie",
    "x-forwarded-for": "LEAK-forwarded",
    "x-anything": "LEAK-anything",
    "x-amz-security-token": "LEAK-amz",
    "user-agent": "LEAK-agent",
}


class TestNothingLeaks:
    @pytest.mark.behaviour("GW-NO-PASSTHROUGH")
    @pytest.mark.parametrize("modern", [False, True])
    @pytest.mark.parametrize("server", ["backend", "legacy"])
    @pytest.mark.parametrize("outbound", ["none", "exchange"])
    def test_neither_the_callers_token_nor_other_headers_reach_a_server(
        self,
        stack: Stack,
        idp: Desk,
        provider: str,
        request: pytest.FixtureRequest,
        server: str,
        modern: bool,
        outbound: str,
    ) -> None:
        target: Backend = request.getfixturevalue(server)
        credentials = oauth("TOKEN_EXCHANGE") if outbound == "exchange" else None
        allowed = {"allowedRequestHeaders": ["X-Session-ID", *OUTSIDE, "Authorization"][:10]}
        url = mcp(stack, jwt_gateway(stack, idp), target, credentials, metadataConfiguration=allowed)
        mine = idp.token(audience="desk-gateway")
        sent = {**OUTSIDE, **bearer(mine), "x-session-id": "s" * 36}
        url += "?secret=LEAK-query"
        answer = post(url, "tools/call", ECHO, headers=sent, modern=modern)
        assert answer.json()["result"]["content"][0]["text"] == "x"
        everything = json.dumps([[item.headers, item.body, item.query] for item in target.seen])
        assert mine not in everything
        leaked = {value for value in (*OUTSIDE.values(), "LEAK-query") if value in everything}
        assert leaked == {"LEAK-anything"}  # the one that the allow-list names and may name
        assert target.named("tools/call")[-1].headers["x-session-id"] == "s" * 36
        assert (outbound == "exchange") is ("authorization" in target.named("tools/call")[-1].headers)
        assert stack.recorder.inbound(url, "tools/call").session == "s" * 36
        assert mine not in str(stack.recorder.hops)

    @pytest.mark.behaviour("GW-RESPONSE-HEADERS")
    def test_only_allowed_response_headers_reach_the_client(self, stack: Stack, backend: Backend) -> None:
        backend.extra.update({"x-cost": "5", "x-hidden": "1", "set-cookie": "a=b"})
        allowed = {"allowedResponseHeaders": ["X-Cost", "Set-Cookie"]}
        url = mcp(stack, stack.gateway(), backend, metadataConfiguration=allowed)
        answer = post(url, "tools/call", ECHO)
        assert answer.headers["x-cost"] == "5"
        assert not {"x-hidden", "set-cookie"} & set(answer.headers)

    def test_allowed_query_parameters_join_those_of_the_endpoint(
        self, stack: Stack, backend: Backend
    ) -> None:
        gateway = stack.gateway()
        allowed = {"allowedQueryParameters": ["version"]}
        endpoint = f"{backend.url}?qualifier=DEFAULT"
        stack.target(gateway, "echo", {"mcpServer": {"endpoint": endpoint}}, metadataConfiguration=allowed)
        post(stack.url(gateway) + "?version=a%20b&x=1", "tools/call", ECHO)
        assert backend.named("tools/call")[-1].query == "qualifier=DEFAULT&version=a+b"
