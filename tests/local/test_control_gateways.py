"""Gateways, targets and credential providers over the wire, with unmodified boto3."""

from __future__ import annotations

import re
import sqlite3
import uuid

import pytest
from botocore.exceptions import ClientError

from tests.kit.local_endpoint import ACCOUNT, REGION, ROLE, ControlStack, control

POLICY_ENGINE = "arn:aws:bedrock-agentcore:us-east-1:123456789012:policy-engine/guard-0123456789"
LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:tools"
DISCOVERY = "http://127.0.0.1:1/desk/.well-known/openid-configuration"
IAM = [{"credentialProviderType": "GATEWAY_IAM_ROLE"}]
SIGNED = [
    {
        "credentialProviderType": "GATEWAY_IAM_ROLE",
        "credentialProvider": {"iamCredentialProvider": {"service": "bedrock-agentcore"}},
    }
]

PASSTHROUGH = {"http": {"passthrough": {"endpoint": "http://127.0.0.1:8000/v1", "protocolType": "CUSTOM"}}}
SMITHY = {"mcp": {"smithyModel": {"inlinePayload": "{}"}}}
REST_API = {
    "mcp": {
        "apiGateway": {
            "restApiId": "abcdef",
            "stage": "prod",
            "apiGatewayToolConfiguration": {"toolFilters": [{"filterPath": "/pets/*", "methods": ["GET"]}]},
        }
    }
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    return ControlStack(tmp_path_factory.mktemp("control"))


@pytest.fixture(scope="module")
def agentcore(stack):
    with control(stack) as client:
        yield client


@pytest.fixture(scope="module")
def provider(agentcore):
    return agentcore.create_oauth2_credential_provider(**oauth2("shared-provider"))["credentialProviderArn"]


def fresh():
    return f"g-{uuid.uuid4().hex[:12]}"


def create(agentcore, **members):
    given = {"name": fresh(), "roleArn": ROLE, "authorizerType": "AWS_IAM", "protocolType": "MCP"}
    return agentcore.create_gateway(**given | members)


def tool(name="echo", **schema):
    return {"name": name, "description": "d", "inputSchema": {"type": "object", **schema}}


def function(*tools):
    return {
        "mcp": {"lambda": {"lambdaArn": LAMBDA, "toolSchema": {"inlinePayload": list(tools) or [tool()]}}}
    }


def server(**members):
    return {"mcp": {"mcpServer": {"endpoint": "http://127.0.0.1:8000/mcp", **members}}}


def target(agentcore, gateway, **members):
    given = {
        "gatewayIdentifier": gateway["gatewayId"],
        "name": "tools",
        "targetConfiguration": function(),
        "credentialProviderConfigurations": IAM,
    }
    given |= members
    return agentcore.create_gateway_target(
        **{name: value for name, value in given.items() if value is not None}
    )


def oauth(provider, grant="TOKEN_EXCHANGE"):
    inner = {"providerArn": provider, "scopes": ["s"], "grantType": grant}
    return [{"credentialProviderType": "OAUTH", "credentialProvider": {"oauthCredentialProvider": inner}}]


REFERENCE = {"secretId": "s", "jsonKey": "k"}


def oauth2(name, **members):
    inner = {"oauthDiscovery": {"discoveryUrl": DISCOVERY}, "clientId": "c", "clientSecret": "very-secret"}
    return {
        "name": name,
        "credentialProviderVendor": "CustomOauth2",
        "oauth2ProviderConfigInput": {"customOauth2ProviderConfig": inner | members},
    }


def refused(call, *arguments, **parameters):
    with pytest.raises(ClientError) as caught:
        call(*arguments, **parameters)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


@pytest.mark.behaviour("CTL-GATEWAY-CREATE")
def test_create_get_list_update_delete(agentcore, stack):
    made = agentcore.create_gateway(
        name="Desk-1", roleArn=ROLE, authorizerType="AWS_IAM", description="d", tags={"a": "b"}
    )
    identifier = made["gatewayId"]
    assert re.fullmatch(r"desk-1-[0-9a-z]{10}", identifier)
    assert made["gatewayArn"] == f"arn:aws:bedrock-agentcore:us-east-1:123456789012:gateway/{identifier}"
    assert made["gatewayUrl"] == f"{stack.url}/gateway/{identifier}/mcp"
    assert (made["status"], made["ResponseMetadata"]["HTTPStatusCode"]) == ("CREATING", 202)
    got = agentcore.get_gateway(gatewayIdentifier=identifier)
    assert (got["status"], got["description"], got["name"]) == ("READY", "d", "Desk-1")
    assert stack.resources.gateway(identifier)["gatewayUrl"] == made["gatewayUrl"]
    updated = agentcore.update_gateway(
        gatewayIdentifier=identifier, name="Desk-1", roleArn=ROLE, authorizerType="NONE"
    )
    assert (updated["status"], updated["authorizerType"]) == ("UPDATING", "NONE")
    got = agentcore.get_gateway(gatewayIdentifier=identifier)
    assert "description" not in got
    assert got["createdAt"] == made["createdAt"]
    listed = {item["gatewayId"]: item for item in agentcore.list_gateways()["items"]}
    assert listed[identifier]["authorizerType"] == "NONE"
    assert "roleArn" not in listed[identifier]
    assert agentcore.delete_gateway(gatewayIdentifier=identifier)["status"] == "DELETING"
    assert refused(agentcore.get_gateway, gatewayIdentifier=identifier)[:2] == (
        "ResourceNotFoundException",
        404,
    )


@pytest.mark.behaviour("CTL-CONFLICT")
def test_names_of_gateways_and_targets_are_taken_once(agentcore):
    gateway = create(agentcore)
    assert refused(create, agentcore, name=gateway["name"])[:2] == ("ConflictException", 409)
    target(agentcore, gateway)
    assert refused(target, agentcore, gateway)[:2] == ("ConflictException", 409)


@pytest.mark.behaviour("CTL-GATEWAY-NAME-FIXED")
def test_a_gateway_cannot_be_renamed(agentcore):
    gateway = create(agentcore)
    code, _, message = refused(
        agentcore.update_gateway,
        gatewayIdentifier=gateway["gatewayId"],
        name="other",
        roleArn=ROLE,
        authorizerType="NONE",
    )
    assert code == "ValidationException"
    assert gateway["name"] in message


@pytest.mark.behaviour("CTL-GATEWAY-TARGETS-FIRST")
def test_a_gateway_with_targets_is_not_deleted(agentcore):
    gateway = create(agentcore)
    made = target(agentcore, gateway)
    code, status, message = refused(agentcore.delete_gateway, gatewayIdentifier=gateway["gatewayId"])
    assert (code, status) == ("ConflictException", 409)
    assert "Delete all its targets" in message
    agentcore.delete_gateway_target(gatewayIdentifier=gateway["gatewayId"], targetId=made["targetId"])
    agentcore.delete_gateway(gatewayIdentifier=gateway["gatewayId"])


@pytest.mark.behaviour("CTL-GATEWAY-RULES")
@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"authorizerType": "CUSTOM_JWT"}, "authorizerConfiguration is required"),
        (
            {
                "authorizerType": "CUSTOM_JWT",
                "authorizerConfiguration": {"customJWTAuthorizer": {"discoveryUrl": DISCOVERY}},
            },
            "At least one of allowedAudience",
        ),
        (
            {
                "authorizerConfiguration": {
                    "customJWTAuthorizer": {
                        "discoveryUrl": DISCOVERY,
                        "allowedScopes": ["a"],
                        "advertisedScopeMapping": {"b": "c"},
                    }
                }
            },
            "b is not in allowedScopes",
        ),
        (
            {
                "authorizerConfiguration": {
                    "customJWTAuthorizer": {
                        "discoveryUrl": DISCOVERY,
                        "customClaims": [
                            {
                                "inboundTokenClaimName": "team",
                                "inboundTokenClaimValueType": "STRING",
                                "authorizingClaimMatchValue": {
                                    "claimMatchValue": {"matchValueString": "x"},
                                    "claimMatchOperator": "CONTAINS",
                                },
                            }
                        ],
                    }
                }
            },
            "needs the operator EQUALS",
        ),
        (
            {
                "interceptorConfigurations": [
                    {"interceptor": {"lambda": {"arn": LAMBDA}}, "interceptionPoints": ["REQUEST"]},
                    {
                        "interceptor": {"lambda": {"arn": LAMBDA}},
                        "interceptionPoints": ["REQUEST", "RESPONSE"],
                    },
                ]
            },
            "Each interception point takes one",
        ),
    ],
)
def test_rules_of_gateways(agentcore, members, text):
    code, status, message = refused(create, agentcore, **members)
    assert (code, status) == ("ValidationException", 400)
    assert text in message


@pytest.mark.behaviour("CTL-GATEWAY-UPDATE")
def test_an_update_has_members_of_its_own_and_leaves_out_what_is_left_out(agentcore):
    made = create(agentcore, protocolConfiguration={"mcp": {"instructions": "i"}}, exceptionLevel="DEBUG")
    own = {
        "customTransformConfiguration": {"lambda": {"arn": LAMBDA}},
        "wafConfiguration": {"failureMode": "FAIL_OPEN"},
    }
    agentcore.update_gateway(
        gatewayIdentifier=made["gatewayId"], name=made["name"], roleArn=ROLE, authorizerType="NONE", **own
    )
    got = agentcore.get_gateway(gatewayIdentifier=made["gatewayId"])
    assert {name: got[name] for name in own} == own
    assert not {"protocolConfiguration", "exceptionLevel", "protocolType"} & set(got)


@pytest.mark.behaviour("CTL-SEARCH-AT-CREATION")
def test_semantic_search_is_chosen_when_a_gateway_is_made(agentcore):
    search = {"protocolConfiguration": {"mcp": {"searchType": "SEMANTIC"}}}
    plain, searching = create(agentcore), create(agentcore, **search)
    for made, allowed in ((plain, False), (searching, True)):
        given = {"gatewayIdentifier": made["gatewayId"], "name": made["name"], "roleArn": ROLE} | search
        if allowed:
            assert agentcore.update_gateway(**given, authorizerType="NONE")["status"] == "UPDATING"
        else:
            code, _, message = refused(agentcore.update_gateway, **given, authorizerType="NONE")
            assert (code, "cannot be added later" in message) == ("ValidationException", True)


@pytest.mark.behaviour("CTL-QUOTAS")
def test_a_target_has_a_thousand_tools_and_a_megabyte_at_most(agentcore):
    gateway = create(agentcore)
    tools = [tool(f"t{number}") for number in range(1001)]
    found = refused(target, agentcore, gateway, targetConfiguration=function(*tools))
    assert found[:2] == ("ServiceQuotaExceededException", 402)
    target(agentcore, gateway, targetConfiguration=function(*tools[:1000]))
    large = {"inlinePayload": "x" * 1_000_001}
    for configuration in ({"mcp": {"openApiSchema": large}}, server(mcpToolSchema=large)):
        found = refused(
            target,
            agentcore,
            gateway,
            name="large",
            targetConfiguration=configuration,
            credentialProviderConfigurations=None,
        )
        assert found[:2] == ("ValidationException", 400)
        assert "1000000 bytes" in found[2]


@pytest.mark.behaviour("CTL-QUOTAS")
def test_a_gateway_has_a_hundred_targets_at_most(agentcore):
    gateway = create(agentcore)
    for number in range(100):
        target(agentcore, gateway, name=f"t{number}")
    found = refused(target, agentcore, gateway, name="more")
    assert found[:2] == ("ServiceQuotaExceededException", 402)


@pytest.mark.behaviour("CTL-TARGET-CREATE")
def test_targets_are_made_read_listed_updated_and_deleted(agentcore, stack):
    gateway = create(agentcore)
    made = target(agentcore, gateway, description="d")
    where = {"gatewayIdentifier": gateway["gatewayId"], "targetId": made["targetId"]}
    assert re.fullmatch(r"[0-9A-Z]{10}", made["targetId"])
    assert (made["status"], made["protocolType"]) == ("CREATING", "MCP")
    got = agentcore.get_gateway_target(**where)
    assert (got["status"], got["targetConfiguration"], got["description"]) == ("READY", function(), "d")
    listed = agentcore.list_gateway_targets(gatewayIdentifier=gateway["gatewayId"])["items"]
    assert [(item["name"], item["targetType"]) for item in listed] == [("tools", "LAMBDA")]
    agentcore.update_gateway_target(
        **where,
        name="server",
        targetConfiguration=server(resourcePriority=7),
        credentialProviderConfigurations=SIGNED,
    )
    got = agentcore.get_gateway_target(**where)
    assert (got["name"], got["targetConfiguration"]) == ("server", server(resourcePriority=7))
    assert "description" not in got
    listed = agentcore.list_gateway_targets(gatewayIdentifier=gateway["gatewayId"])["items"]
    assert (listed[0]["targetType"], listed[0]["resourcePriority"]) == ("MCP_SERVER", 7)
    assert [record["targetId"] for record in stack.resources.targets(gateway["gatewayId"])] == [
        made["targetId"]
    ]
    assert agentcore.delete_gateway_target(**where)["status"] == "DELETING"
    assert refused(agentcore.get_gateway_target, **where)[:2] == ("ResourceNotFoundException", 404)


def test_targets_of_another_gateway_are_not_found(agentcore):
    first, second = create(agentcore), create(agentcore)
    made = target(agentcore, first)
    where = {"gatewayIdentifier": second["gatewayId"], "targetId": made["targetId"]}
    assert refused(agentcore.get_gateway_target, **where)[1] == 404
    assert agentcore.list_gateway_targets(gatewayIdentifier=second["gatewayId"])["items"] == []


@pytest.mark.behaviour("CTL-TARGET-CREDENTIALS")
@pytest.mark.parametrize(
    ("configuration", "credentials", "text"),
    [
        (function(), None, "does not take no credential provider"),
        (function(), SIGNED, "takes no credentialProvider.iamCredentialProvider"),
        (function(), "CLIENT_CREDENTIALS", "does not take CLIENT_CREDENTIALS"),
        (server(), IAM, "needs credentialProvider.iamCredentialProvider"),
        (server(), [{"credentialProviderType": "JWT_PASSTHROUGH"}], "does not take JWT_PASSTHROUGH"),
        (
            server(),
            [{"credentialProviderType": "CALLER_IAM_CREDENTIALS"}],
            "does not take CALLER_IAM_CREDENTIALS",
        ),
        (
            server(),
            [{"credentialProviderType": "OAUTH"}],
            "OAUTH needs credentialProvider.oauthCredentialProvider",
        ),
        (server(listingMode="DYNAMIC"), "AUTHORIZATION_CODE", "DYNAMIC listing"),
        (SMITHY, None, "does not take no credential provider"),
        (SMITHY, [{"credentialProviderType": "CALLER_IAM_CREDENTIALS"}], "does not take CALLER_IAM"),
        (SMITHY, "TOKEN_EXCHANGE", "does not take TOKEN_EXCHANGE"),
        (SMITHY, SIGNED, "takes no credentialProvider.iamCredentialProvider"),
        (REST_API, SIGNED, "takes no credentialProvider.iamCredentialProvider"),
        (REST_API, [{"credentialProviderType": "CALLER_IAM_CREDENTIALS"}], "does not take CALLER_IAM"),
        (REST_API, "CLIENT_CREDENTIALS", "does not take CLIENT_CREDENTIALS"),
        (SMITHY, IAM, None),
        (SMITHY, "CLIENT_CREDENTIALS", None),
        (REST_API, None, None),
        (REST_API, IAM, None),
        (server(), None, None),
        (server(), SIGNED, None),
        (server(), "TOKEN_EXCHANGE", None),
        (server(), "CLIENT_CREDENTIALS", None),
        (server(), "AUTHORIZATION_CODE", None),
        (server(mcpToolSchema={"inlinePayload": "[]"}), "AUTHORIZATION_CODE", None),
        ({"mcp": {"openApiSchema": {"inlinePayload": "{}"}}}, "AUTHORIZATION_CODE", None),
        (SMITHY, "AUTHORIZATION_CODE", "does not take AUTHORIZATION_CODE"),
        (server(listingMode="DYNAMIC"), "CLIENT_CREDENTIALS", None),
    ],
)
def test_the_support_matrix_of_outbound_credentials(agentcore, provider, configuration, credentials, text):
    gateway = create(agentcore)
    if isinstance(credentials, str):
        credentials = oauth(provider, credentials)
    given = {"targetConfiguration": configuration, "credentialProviderConfigurations": credentials}
    if text is None:
        assert target(agentcore, gateway, **given)["status"] == "CREATING"
        return
    code, status, message = refused(target, agentcore, gateway, **given)
    assert (code, status) == ("ValidationException", 400)
    assert text in message


@pytest.mark.behaviour("CTL-TARGET-KINDS")
@pytest.mark.behaviour("CNS-HTTP")
def test_credentials_that_nothing_would_send_are_refused(agentcore, provider):
    gateway = agentcore.create_gateway(name=fresh(), roleArn=ROLE, authorizerType="AWS_IAM")
    runtime = {
        "http": {
            "agentcoreRuntime": {
                "arn": f"arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:runtime/desk-0123456789"
            }
        }
    }
    for kind, configuration in (("passthrough", PASSTHROUGH), ("agentcoreRuntime", runtime)):
        *found, text = refused(
            target,
            agentcore,
            gateway,
            targetConfiguration=configuration,
            credentialProviderConfigurations=oauth(provider, "AUTHORIZATION_CODE"),
        )
        assert found == ["ValidationException", 400]
        assert f"A target of kind {kind} does not take AUTHORIZATION_CODE; it takes" in text
    made = agentcore.create_oauth2_credential_provider(
        **oauth2(fresh(), clientAuthenticationMethod="AWS_IAM_ID_TOKEN_JWT")
    )
    *found, text = refused(
        target,
        agentcore,
        create(agentcore),
        targetConfiguration=server(),
        credentialProviderConfigurations=oauth(made["credentialProviderArn"], "AUTHORIZATION_CODE"),
    )
    assert found == ["UnknownOperationException", 501]
    assert "AWS_IAM_ID_TOKEN_JWT" in text


@pytest.mark.behaviour("CTL-TARGET-PROVIDER")
def test_a_target_names_a_provider_that_exists(agentcore):
    arn = "arn:aws:bedrock-agentcore:us-east-1:123456789012:token-vault/default/oauth2credentialprovider/none"
    code, _, message = refused(
        target,
        agentcore,
        create(agentcore),
        targetConfiguration=server(),
        credentialProviderConfigurations=oauth(arn),
    )
    assert code == "ValidationException"
    assert arn in message


@pytest.mark.behaviour("CTL-TARGET-PROVIDER")
def test_a_target_names_an_api_key_provider_that_exists(agentcore):
    gateway = create(agentcore)
    made = agentcore.create_api_key_credential_provider(name=fresh(), apiKey="k")["credentialProviderArn"]
    for arn, exists in ((made, True), (made.replace("apikeyc", "oauth2c"), False), (f"{made}x", False)):
        key = {"providerArn": arn, "credentialLocation": "HEADER", "credentialParameterName": "x-key"}
        given = {
            "targetConfiguration": server(),
            "credentialProviderConfigurations": [
                {
                    "credentialProviderType": "API_KEY",
                    "credentialProvider": {"apiKeyCredentialProvider": key},
                }
            ],
        }
        if exists:
            assert target(agentcore, gateway, **given)["status"] == "CREATING"
        else:
            found = refused(target, agentcore, gateway, name="other", **given)
            assert (found[0], arn in found[2]) == ("ValidationException", True)


@pytest.mark.behaviour("CTL-TARGET-TOOLS")
@pytest.mark.parametrize(
    ("tools", "text"),
    [
        ([tool(), tool()], "defined twice"),
        ([tool(type="string")], "must be of type object"),
        ([tool("x" * 250)], "longer than 256"),
    ],
)
def test_rules_of_tool_schemas(agentcore, tools, text):
    code, _, message = refused(target, agentcore, create(agentcore), targetConfiguration=function(*tools))
    assert code == "ValidationException"
    assert text in message


@pytest.mark.behaviour("CTL-TARGET-HEADERS")
@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        ({"allowedRequestHeaders": ["Authorization"]}, "restricted header"),
        ({"allowedRequestHeaders": ["X-Amzn-Foo"]}, "belongs to AWS"),
        ({"allowedResponseHeaders": ["Set-Cookie"]}, "restricted header"),
        ({"allowedRequestHeaders": ["X-A", "x-a"]}, "listed twice"),
        ({"allowedQueryParameters": ["a b"]}, "not a parameter name"),
        ({"allowedRequestHeaders": ["Mcp-Session-Id"]}, "gateway with sessions"),
        ({"allowedRequestHeaders": ["X-Session-ID", "X-Amzn-Bedrock-AgentCore-Runtime-Custom-A"]}, None),
    ],
)
def test_rules_of_header_propagation(agentcore, metadata, text):
    sessions = {"mcp": {"sessionConfiguration": {"sessionTimeoutInSeconds": 900}}}
    gateway = create(agentcore, protocolConfiguration=sessions)
    if text is None:
        assert target(agentcore, gateway, metadataConfiguration=metadata)["metadataConfiguration"] == metadata
        return
    code, _, message = refused(target, agentcore, gateway, metadataConfiguration=metadata)
    assert code == "ValidationException"
    assert text in message


@pytest.mark.behaviour("CTL-SESSION-HEADER")
@pytest.mark.parametrize("member", ["allowedRequestHeaders", "allowedResponseHeaders"])
def test_the_session_header_may_be_passed_on_as_long_as_the_gateway_has_no_sessions(agentcore, member):
    gateway = create(agentcore)
    listed = {member: ["Mcp-Session-Id"]}
    assert target(agentcore, gateway, metadataConfiguration=listed)["metadataConfiguration"] == listed
    sessions = {"mcp": {"sessionConfiguration": {"sessionTimeoutInSeconds": 900}}}
    kept = {name: gateway[name] for name in ("name", "roleArn", "authorizerType")}
    code, status, message = refused(
        agentcore.update_gateway,
        gatewayIdentifier=gateway["gatewayId"],
        **kept,
        protocolConfiguration=sessions,
    )
    assert (code, status) == ("ValidationException", 400)
    assert "passes on Mcp-Session-Id" in message
    agentcore.update_gateway(gatewayIdentifier=gateway["gatewayId"], **kept)


def test_dynamic_listing_does_not_go_with_semantic_search(agentcore):
    gateway = create(agentcore, protocolConfiguration={"mcp": {"searchType": "SEMANTIC"}})
    found = refused(
        target,
        agentcore,
        gateway,
        targetConfiguration=server(listingMode="DYNAMIC"),
        credentialProviderConfigurations=None,
    )
    assert "SEMANTIC" in found[2]


@pytest.mark.behaviour("CTL-TARGET-KINDS")
@pytest.mark.parametrize(
    "configuration",
    [
        {"mcp": {"connector": {"source": {"connectorId": "bedrock-knowledge-bases"}}}},
        {"inference": {"connector": {"source": {"connectorId": "bedrock"}}}},
    ],
)
def test_targets_that_nothing_would_serve_are_refused(agentcore, configuration):
    code, status, message = refused(target, agentcore, create(agentcore), targetConfiguration=configuration)
    assert (code, status) == ("UnknownOperationException", 501)
    assert "not emulated" in message


@pytest.mark.behaviour("CTL-SYNCHRONIZE")
def test_synchronize_tells_the_planes_and_refuses_what_has_no_catalogue(agentcore, stack):
    gateway = create(agentcore)
    made = target(agentcore, gateway, targetConfiguration=server(), credentialProviderConfigurations=None)
    where = {"gatewayIdentifier": gateway["gatewayId"]}
    done = agentcore.synchronize_gateway_targets(**where, targetIdList=[made["targetId"]])
    assert [item["status"] for item in done["targets"]] == ["SYNCHRONIZING"]
    assert (stack.changes[-1].kind, stack.changes[-1].action) == ("target", "updated")
    assert "lastSynchronizedAt" in agentcore.get_gateway_target(**where, targetId=made["targetId"])
    static = server(mcpToolSchema={"inlinePayload": "[]"})
    fixed = target(
        agentcore, gateway, name="static", targetConfiguration=static, credentialProviderConfigurations=None
    )
    lambda_target = target(agentcore, gateway, name="fn")
    for other in (fixed, lambda_target):
        found = refused(agentcore.synchronize_gateway_targets, **where, targetIdList=[other["targetId"]])
        assert found[0] == "ValidationException"


def test_a_target_without_a_name_gets_one(agentcore):
    made = target(agentcore, create(agentcore), name=None)
    assert made["name"] == f"target-{made['targetId']}"


@pytest.mark.behaviour("CTL-PROVIDER")
def test_credential_providers_keep_their_secret_to_themselves(agentcore, stack):
    made = agentcore.create_oauth2_credential_provider(**oauth2("desk_gateway"))
    arn = made["credentialProviderArn"]
    assert (
        arn
        == "arn:aws:bedrock-agentcore:us-east-1:123456789012:token-vault/default/oauth2credentialprovider/desk_gateway"
    )
    answers = [
        made,
        agentcore.get_oauth2_credential_provider(name="desk_gateway"),
        agentcore.list_oauth2_credential_providers(),
        agentcore.update_oauth2_credential_provider(**oauth2("desk_gateway", clientSecret="very-secret-2")),
    ]
    assert "very-secret" not in str(answers)
    inner = answers[1]["oauth2ProviderConfigOutput"]["customOauth2ProviderConfig"]
    assert (inner["clientId"], inner["oauthDiscovery"]) == ("c", {"discoveryUrl": DISCOVERY})
    kept = stack.resources.credential_provider(arn)
    assert (kept["clientId"], kept["clientSecret"], kept["discoveryUrl"]) == ("c", "very-secret-2", DISCOVERY)
    assert (
        stack.resources.credential_provider(arn.replace("bedrock-agentcore", "acps"))["name"]
        == "desk_gateway"
    )
    assert stack.resources.credential_provider(arn.replace("us-east-1", "eu-west-1")) is None
    assert stack.resources.credential_provider("desk_gateway") is None
    assert (
        refused(agentcore.create_oauth2_credential_provider, **oauth2("desk_gateway"))[0]
        == "ConflictException"
    )
    agentcore.delete_oauth2_credential_provider(name="desk_gateway")
    assert stack.resources.credential_provider(arn) is None
    assert refused(agentcore.get_oauth2_credential_provider, name="desk_gateway")[1] == 404


@pytest.mark.behaviour("CTL-SECRET-EXTERNAL")
def test_a_client_secret_in_secrets_manager_is_a_reference(agentcore, stack):
    name = fresh()
    given = oauth2(name, clientSecretSource="EXTERNAL", clientSecretConfig=REFERENCE)
    del given["oauth2ProviderConfigInput"]["customOauth2ProviderConfig"]["clientSecret"]
    made = agentcore.create_oauth2_credential_provider(**given)
    assert (made["clientSecretSource"], made["clientSecretJsonKey"]) == ("EXTERNAL", "k")
    assert made["clientSecretArn"]["secretArn"] == f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:s"
    kept = stack.resources.credential_provider(made["credentialProviderArn"])
    assert ("clientSecret" in kept, kept["clientSecretConfig"]) == (False, REFERENCE)
    updated = agentcore.update_oauth2_credential_provider(**oauth2(name))
    assert updated["clientSecretSource"] == "MANAGED"
    assert "clientSecretJsonKey" not in updated
    assert ":secret:bedrock-agentcore-identity!default/oauth2/" in updated["clientSecretArn"]["secretArn"]
    kept = stack.resources.credential_provider(made["credentialProviderArn"])
    assert (kept["clientSecret"], "clientSecretConfig" in kept) == ("very-secret", False)


@pytest.mark.behaviour("CTL-PROVIDER-KINDS")
@pytest.mark.parametrize(
    ("given", "status"),
    [
        (oauth2("x", clientSecret=""), 400),
        (oauth2("x", clientSecretSource="EXTERNAL"), 400),
        (oauth2("x", clientSecretSource="EXTERNAL", clientSecretConfig=REFERENCE), 400),
        (oauth2("x", clientSecretConfig=REFERENCE), 400),
        (oauth2("x", clientAuthenticationMethod="PRIVATE_KEY_JWT"), 400),
        (oauth2("x") | {"credentialProviderVendor": "GoogleOauth2"}, 400),
        (
            oauth2(
                "x",
                clientAuthenticationMethod="CLIENT_SECRET_POST",
                oauthDiscovery={
                    "authorizationServerMetadata": {
                        "issuer": "https://i.example",
                        "authorizationEndpoint": "https://i.example/a",
                        "tokenEndpoint": "https://i.example/t",
                        "tokenEndpointAuthMethods": ["client_secret_post"],
                    }
                },
            ),
            400,
        ),
    ],
)
def test_providers_that_cannot_work_are_refused(agentcore, given, status):
    assert refused(agentcore.create_oauth2_credential_provider, **given)[1] == status


@pytest.mark.behaviour("CTL-RESTART")
def test_records_survive_a_restart_and_the_url_follows_the_port(tmp_path):
    with control(ControlStack(tmp_path, url="http://127.0.0.1:1111")) as agentcore:
        token = "t" * 40
        gateway = create(agentcore, name="kept", clientToken=token)
        made = target(agentcore, gateway)
    again = ControlStack(tmp_path, url="http://127.0.0.1:2222")
    with control(again) as agentcore:
        got = agentcore.get_gateway(gatewayIdentifier=gateway["gatewayId"])
        assert got["gatewayUrl"] == f"http://127.0.0.1:2222/gateway/{gateway['gatewayId']}/mcp"
        assert create(agentcore, name="kept", clientToken=token)["gatewayUrl"] == got["gatewayUrl"]
        assert [item["targetId"] for item in again.resources.targets(gateway["gatewayId"])] == [
            made["targetId"]
        ]


def test_a_full_disk_is_an_internal_error_and_nothing_changes(tmp_path):
    stack = ControlStack(tmp_path)
    with control(stack) as agentcore:
        blocker = sqlite3.connect(tmp_path / "control.sqlite", isolation_level=None)
        blocker.execute(
            "create trigger full before insert on records begin select raise(abort, 'disk is full'); end"
        )
        blocker.close()
        code, status, message = refused(create, agentcore)
        assert (code, status) == ("InternalServerException", 500)
        assert "disk is full" in message
        assert agentcore.list_gateways()["items"] == []
        assert stack.changes == []
