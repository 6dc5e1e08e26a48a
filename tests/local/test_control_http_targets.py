"""HTTP targets, API keys and inbound rules in the control plane, with unmodified boto3."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from skerry.local.state.records import Write
from tests.kit.local_endpoint import ACCOUNT, REGION, ROLE, ControlStack, control

ARN = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:runtime/desk-0123456789"
VAULT = f":{REGION}:{ACCOUNT}:token-vault/default/apikeycredentialprovider/news"
KEY = f"arn:aws:bedrock-agentcore{VAULT}"
DISCOVERY = "http://127.0.0.1:1/desk/.well-known/openid-configuration"
RUNTIME = {"http": {"agentcoreRuntime": {"arn": ARN}}}
PASSTHROUGH = {"http": {"passthrough": {"endpoint": "http://127.0.0.1:8000/v1", "protocolType": "A2A"}}}
ROLE_ONLY = {"credentialProviderType": "GATEWAY_IAM_ROLE"}
WITH_SERVICE = {**ROLE_ONLY, "credentialProvider": {"iamCredentialProvider": {"service": "execute-api"}}}
CALLER = {"credentialProviderType": "CALLER_IAM_CREDENTIALS"}
JWT = {"credentialProviderType": "JWT_PASSTHROUGH"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> ControlStack:
    return ControlStack(tmp_path_factory.mktemp("control"))


@pytest.fixture(scope="module")
def agentcore(stack: ControlStack) -> Any:
    with control(stack) as client:
        yield client


def gateway(agentcore: Any, authorizer: str = "AWS_IAM", **members: Any) -> str:
    if authorizer == "CUSTOM_JWT":
        rules = {"customJWTAuthorizer": {"discoveryUrl": DISCOVERY, "allowedAudience": ["a"]}}
        members["authorizerConfiguration"] = rules
    given = {"name": f"g-{uuid.uuid4().hex[:12]}", "roleArn": ROLE, "authorizerType": authorizer}
    return str(agentcore.create_gateway(**given, **members)["gatewayId"])


def target(agentcore: Any, gateway_id: str, configuration: Any, *credentials: Any, **members: Any) -> Any:
    given = {"credentialProviderConfigurations": list(credentials)} if credentials else {}
    return agentcore.create_gateway_target(
        gatewayIdentifier=gateway_id, name="front", targetConfiguration=configuration, **given, **members
    )


def refusal(call: Any, *arguments: Any, **members: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **members)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    return str(caught.value.response["Error"]["Message"])


def key(**members: Any) -> dict[str, Any]:
    provider = {"apiKeyCredentialProvider": {"providerArn": KEY, **members}}
    return {"credentialProviderType": "API_KEY", "credentialProvider": provider}


@pytest.mark.behaviour("GW-HTTP-MATRIX")
@pytest.mark.parametrize(
    ("authorizer", "configuration", "credential"),
    [
        ("AWS_IAM", RUNTIME, ROLE_ONLY),
        ("AWS_IAM", RUNTIME, CALLER),
        ("AUTHENTICATE_ONLY", RUNTIME, CALLER),
        ("NONE", RUNTIME, JWT),
        ("CUSTOM_JWT", RUNTIME, JWT),
        ("AWS_IAM", PASSTHROUGH, ROLE_ONLY),
        ("AWS_IAM", PASSTHROUGH, WITH_SERVICE),
        ("AWS_IAM", PASSTHROUGH, CALLER),
        ("NONE", PASSTHROUGH, JWT),
        ("AWS_IAM", PASSTHROUGH, None),
    ],
)
def test_credentials_that_http_targets_take(
    agentcore: Any, authorizer: str, configuration: Any, credential: Any
) -> None:
    given = [credential] if credential else []
    made = target(agentcore, gateway(agentcore, authorizer), configuration, *given)
    assert (made["protocolType"], made["targetConfiguration"]) == ("HTTP", configuration)


@pytest.mark.behaviour("GW-HTTP-MATRIX")
@pytest.mark.parametrize(
    ("authorizer", "configuration", "credential", "text"),
    [
        ("AWS_IAM", RUNTIME, None, "does not take no credential provider"),
        ("AWS_IAM", RUNTIME, key(), "does not take API_KEY"),
        ("NONE", RUNTIME, CALLER, "needs a gateway with AWS_IAM or AUTHENTICATE_ONLY"),
        ("CUSTOM_JWT", PASSTHROUGH, CALLER, "needs a gateway with AWS_IAM or AUTHENTICATE_ONLY"),
        ("AWS_IAM", RUNTIME, JWT, "callers of AWS_IAM gateways have none"),
        ("AUTHENTICATE_ONLY", PASSTHROUGH, JWT, "callers of AUTHENTICATE_ONLY gateways have none"),
    ],
)
def test_credentials_that_they_do_not_take(
    agentcore: Any, authorizer: str, configuration: Any, credential: Any, text: str
) -> None:
    given = [credential] if credential else []
    assert text in refusal(target, agentcore, gateway(agentcore, authorizer), configuration, *given)


@pytest.mark.behaviour("GW-HTTP-NO-MCP")
def test_a_gateway_for_mcp_alone_takes_no_http_target(agentcore: Any) -> None:
    only_mcp = gateway(agentcore, protocolType="MCP")
    assert "takes MCP targets only" in refusal(target, agentcore, only_mcp, RUNTIME, ROLE_ONLY)


@pytest.mark.behaviour("GW-OUT-KEY-LISTED")
@pytest.mark.parametrize(
    ("member", "listed", "text"),
    [
        ({"credentialParameterName": "X-Api-Key"}, ["x-api-key"], "carries the API key"),
        (
            {"credentialParameterName": "X-Api-Key", "credentialLocation": "QUERY_PARAMETER"},
            ["x-api-key"],
            "",
        ),
        ({"credentialParameterName": "X-Api-Key"}, ["x-other"], ""),
        ({}, ["Authorization"], "restricted header"),
    ],
)
async def test_the_header_of_a_key_cannot_be_propagated(
    agentcore: Any, stack: ControlStack, member: dict[str, Any], listed: list[str], text: str
) -> None:
    await stack.resources.commit(
        [Write("api-key-provider", "news", {"name": "news", "apiKey": "k"})], [], None
    )
    metadata = {"allowedRequestHeaders": listed}
    arguments = (agentcore, gateway(agentcore), PASSTHROUGH, key(**member))
    if text:
        assert text in refusal(target, *arguments, metadataConfiguration=metadata)
    else:
        assert target(*arguments, metadataConfiguration=metadata)["metadataConfiguration"] == metadata


@pytest.mark.behaviour("GW-OUT-KEY-ARN")
async def test_a_key_is_found_by_either_spelling_of_its_arn(tmp_path: Any) -> None:
    stack = ControlStack(tmp_path)
    await stack.resources.start()
    await stack.resources.commit(
        [Write("api-key-provider", "news", {"name": "news", "apiKey": "k"})], [], None
    )
    found = stack.resources.api_key
    assert (found(f"arn:aws:acps{VAULT}"), found(KEY)) == ("k", "k")
    for wrong in (
        f"{KEY}2",
        KEY.replace("default", "other"),
        KEY.replace(ACCOUNT, "210987654321"),
        KEY.replace("apikey", "oauth2"),
        "news",
        "",
    ):
        assert found(wrong) is None
    await stack.resources.close()


@pytest.mark.behaviour("GW-JWT-SCP")
def test_scopes_are_no_custom_claim(agentcore: Any) -> None:
    claim = {
        "inboundTokenClaimName": "scp",
        "inboundTokenClaimValueType": "STRING_ARRAY",
        "authorizingClaimMatchValue": {
            "claimMatchValue": {"matchValueString": "x"},
            "claimMatchOperator": "CONTAINS",
        },
    }
    rules = {"customJWTAuthorizer": {"discoveryUrl": DISCOVERY, "customClaims": [claim]}}
    text = refusal(
        agentcore.create_gateway,
        name=f"g-{uuid.uuid4().hex[:12]}",
        roleArn=ROLE,
        authorizerType="CUSTOM_JWT",
        authorizerConfiguration=rules,
    )
    assert "use allowedScopes" in text


@pytest.mark.behaviour("GW-DOMAIN")
@pytest.mark.parametrize(
    "override",
    [
        {"defaultDomain": "a.example.com", "alternateDomains": ["A.example.com"]},
        {"defaultDomain": "a.example.com", "alternateDomains": ["b.example.com", "b.example.com"]},
        {"defaultDomain": "localhost"},
    ],
)
def test_domains_of_an_override_differ_and_are_public(agentcore: Any, override: dict[str, Any]) -> None:
    text = refusal(gateway, agentcore, domainOverride=override)
    assert "domain" in text.lower()
