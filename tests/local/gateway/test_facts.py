"""Facts of the Gateway's published contract that no other test pins, over the wire."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from skerry.auth.aws import sigv4
from skerry.local.gateway.settings import GatewaySettings
from tests.kit.gateway_stack import REGION, Stack, gateway_stack, post
from tests.kit.idp import desk
from tests.kit.mcp_backends import Backend

SEARCH = (
    "A special tool that returns a trimmed down list of tools given a context. Use this tool only when th"
)
DEBUG: dict[str, Any] = {"exceptionLevel": "DEBUG"}


def gateway_for(stack: Stack, backend: Backend, **members: Any) -> str:
    gateway = stack.gateway(**members)
    stack.target(gateway, "echo", {"mcpServer": {"endpoint": backend.url}})
    return stack.url(gateway)


@pytest.mark.behaviour("FACT-ORDER")
def test_who_is_refused_uses_up_no_rate_limit_and_hears_of_none(stack: Stack, backend: Backend) -> None:
    gateway = stack.gateway(authorizer="AWS_IAM")
    stack.target(gateway, "echo", {"mcpServer": {"endpoint": backend.url}})
    rate = {"dimensions": {"toolName": "*"}, "requests": [{"rate": 1, "period": "minute"}]}
    stack.rate_limit(gateway, ["toolName"], rate)
    arguments = {"name": "echo___echo", "arguments": {"text": "hi"}}
    for _ in range(2):
        assert post(stack.url(gateway), "tools/call", arguments).status_code == 403
    assert "result" in post(stack.url(gateway), "tools/call", arguments, sign=stack).json()
    refused = post(stack.url(gateway), "tools/call", arguments, sign=stack).json()
    assert refused["error"]["code"] == -32003


@pytest.mark.behaviour("FACT-GATEWAY-ANSWER")
@pytest.mark.parametrize("modern", [False, True])
def test_without_streaming_the_answer_is_one_json(stack: Stack, backend: Backend, modern: bool) -> None:
    params = {"name": "echo___progress", "arguments": {}, "_meta": {"progressToken": "p"}}
    answer = post(gateway_for(stack, backend), "tools/call", params, modern=modern)
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["result"]["content"][0]["text"] == "done"


@pytest.mark.behaviour("FACT-GATEWAY-ANSWER")
def test_without_the_clients_accept_the_answer_is_one_json(stack: Stack, backend: Backend) -> None:
    streaming = {"mcp": {"streamingConfiguration": {"enableResponseStreaming": True}}}
    url = gateway_for(stack, backend, protocolConfiguration=streaming)
    params = {"name": "echo___echo", "arguments": {"text": "hi"}}
    answer = post(url, "tools/call", params, headers={"accept": "application/json"})
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["result"]["content"][0]["text"] == "hi"


@pytest.mark.behaviour("FACT-GATEWAY-TIME")
def test_a_call_that_takes_too_long_fails_and_15_minutes_are_the_default(backend: Backend) -> None:
    assert GatewaySettings(endpoint="http://127.0.0.1:1", region="r", account="1").call == 900.0
    with gateway_stack(call=0.2) as stack:
        url = gateway_for(stack, backend, **DEBUG)
        result = post(url, "tools/call", {"name": "echo___hang", "arguments": {}}).json()["result"]
        assert result["isError"] is True
        assert "did not answer within 0.2 s" in result["content"][0]["text"]


@pytest.mark.behaviour("FACT-SEARCH-DESCRIPTION")
def test_the_description_of_the_search_begins_as_captured(stack: Stack) -> None:
    gateway = stack.gateway(protocolConfiguration={"mcp": {"searchType": "SEMANTIC"}})
    (search,) = post(stack.url(gateway), "tools/list").json()["result"]["tools"]
    assert search["name"] == "x_amz_bedrock_agentcore_search"
    assert search["description"].startswith(SEARCH)


@pytest.mark.behaviour("FACT-HEADER-SIZE")
@pytest.mark.parametrize(
    ("value", "passes"), [("x" * 4096, True), ("x" * 4097, False), ("a b~", True), ("tab\there", False)]
)
def test_a_value_of_a_header_has_4_kb_of_printable_ascii(stack: Stack, value: str, passes: bool) -> None:
    gateway = stack.gateway()
    stack.functions.functions["fn"] = lambda event, custom: custom.get("bedrockAgentCorePropagatedHeaders")
    tool = {"name": "t", "description": "d", "inputSchema": {"type": "object"}}
    stack.lambda_target(gateway, "fn", [tool], metadataConfiguration={"allowedRequestHeaders": ["X-Note"]})
    post(stack.url(gateway), "tools/call", {"name": "fn___t", "arguments": {}}, headers={"x-note": value})
    custom = stack.functions.invocations[-1].custom
    assert ("x-note" in custom.get("bedrockAgentCorePropagatedHeaders", {})) is passes


@pytest.mark.behaviour("FACT-OUT-REGION")
def test_the_region_of_a_signed_call_is_the_gateways_by_default(stack: Stack, backend: Backend) -> None:
    iam = {"iamCredentialProvider": {"service": "execute-api"}}
    role = [{"credentialProviderType": "GATEWAY_IAM_ROLE", "credentialProvider": iam}]
    gateway = stack.gateway()
    stack.target(
        gateway, "echo", {"mcpServer": {"endpoint": backend.url}}, credentialProviderConfigurations=role
    )
    post(stack.url(gateway), "tools/call", {"name": "echo___echo", "arguments": {"text": "hi"}})
    seen = backend.named("tools/call")[-1]
    shown = sigv4.presented("POST", b"/mcp", seen.query.encode(), list(seen.headers.items()))
    assert (shown.service, shown.region) == ("execute-api", REGION)


@pytest.mark.behaviour("FACT-GATEWAY-SCOPES")
def test_the_metadata_shows_scopes_by_their_advertised_names(stack: Stack) -> None:
    with desk() as running:
        guard = {
            "discoveryUrl": f"{running.idp.issuers['desk']}/.well-known/openid-configuration",
            "allowedScopes": ["desk/admin", "desk/owner"],
            "advertisedScopeMapping": {"desk/admin": "https://desk/admin"},
        }
        gateway = stack.gateway(authorizer="CUSTOM_JWT", jwt=guard)
        place = f"{stack.base}/gateway/{gateway}/.well-known/oauth-protected-resource"
        found = httpx2.get(place, trust_env=False).json()["scopes_supported"]
    assert found == ["https://desk/admin", "desk/owner"]


@pytest.mark.behaviour("FACT-OPENAPI-METHODS")
def test_every_method_of_http_is_a_tool(stack: Stack) -> None:
    methods = ["get", "post", "put", "delete", "patch", "head", "options"]
    answers = {"200": {"description": "ok"}}
    operations = {name: {"operationId": name, "responses": answers} for name in methods}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Pets", "version": "1"},
        "servers": [{"url": "http://127.0.0.1:1"}],
        "paths": {"/pets": operations},
    }
    gateway = stack.gateway()
    stack.target(gateway, "api", {"openApiSchema": {"inlinePayload": json.dumps(document)}})
    found = post(stack.url(gateway), "tools/list").json()["result"]["tools"]
    assert {f"api___{name}" for name in methods} == {tool["name"] for tool in found}
