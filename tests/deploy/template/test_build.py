"""What becomes of each table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skerry.deploy.declared import load
from skerry.deploy.template.build import document
from skerry.deploy.template.platforms import Platform
from skerry.errors import ConfigurationError
from tests.deploy.kit import EVERYTHING, actions, draft, template

TEAM = """
[runtimes]
assistant = { path = "code" }
weather = { path = "code", protocol = "MCP" }

[gateways.tools.targets]
weather = { runtime = "weather" }
"""


@pytest.fixture(scope="module")
def everything():
    return load(EVERYTHING, Platform())


@pytest.fixture(scope="module")
def resources(everything):
    return everything.template["Resources"]


def test_a_team_of_agent_tool_and_gateway(tmp_path: Path):
    found = template(tmp_path, TEAM)
    kinds = {name: one["Type"].rpartition("::")[2] for name, one in found["Resources"].items()}
    assert kinds == {
        "RuntimeAssistantRole": "Role",
        "RuntimeAssistant": "Runtime",
        "RuntimeWeatherRole": "Role",
        "RuntimeWeather": "Runtime",
        "GatewayToolsRole": "Role",
        "GatewayTools": "Gateway",
        "GatewayToolsAccess": "Policy",
        "GatewayToolsTargetWeather": "GatewayTarget",
    }
    needed = {name for name, one in found["Parameters"].items() if "Default" not in one}
    assert needed == {"CodeBucket", "RuntimeAssistantCode", "RuntimeWeatherCode"}


@pytest.mark.behaviour("DEPLOY-GATEWAY-URL")
def test_an_agent_is_told_its_gateway_and_may_call_it_and_a_tool_is_not(tmp_path: Path):
    found = template(tmp_path, TEAM)["Resources"]
    url = {"Fn::GetAtt": ["GatewayTools", "GatewayUrl"]}
    assert found["RuntimeAssistant"]["Properties"]["EnvironmentVariables"] == {"SKERRY_GATEWAY_URL": url}
    assert "EnvironmentVariables" not in found["RuntimeWeather"]["Properties"]
    may = actions(found["RuntimeAssistantRole"])
    assert may["bedrock-agentcore:InvokeGateway"] == [{"Fn::GetAtt": ["GatewayTools", "GatewayArn"]}]
    assert "bedrock:InvokeModel" in may
    tool = actions(found["RuntimeWeatherRole"])
    assert not {"bedrock-agentcore:InvokeGateway", "bedrock:InvokeModel"} & tool.keys()


@pytest.mark.behaviour("DEPLOY-ROLES")
def test_roles_may_do_what_the_file_shows_and_are_taken_by_this_account_alone(resources):
    shop = actions(resources["GatewayShopAccess"])
    assert shop["lambda:InvokeFunction"] == [{"Fn::GetAtt": ["FunctionOrders", "Arn"]}]
    assert shop["bedrock-agentcore:InvokeAgentRuntime"] == [
        {"Fn::GetAtt": ["RuntimeWeather", "AgentRuntimeArn"]},
        {"Fn::Sub": "${RuntimeWeather.AgentRuntimeArn}/*"},
    ]
    assert {"Fn::GetAtt": ["RealmHomeClientGatewayProvider", "CredentialProviderArn"]} in shop[
        "bedrock-agentcore:GetResourceOauth2Token"
    ]
    itself = actions(resources["GatewayShopRole"])
    assert itself["lambda:InvokeFunction"] == [{"Fn::GetAtt": ["FunctionBefore", "Arn"]}]
    assert itself["bedrock-agentcore:GetPolicyEngine"] == [
        {"Fn::GetAtt": ["GatewayShopPolicyEngine", "PolicyEngineArn"]}
    ]
    assistant = actions(resources["RuntimeAssistantRole"])
    assert assistant["bedrock-agentcore:InvokeGateway"] == [{"Fn::GetAtt": ["GatewayShop", "GatewayArn"]}]
    wide = {action for action, where in assistant.items() if where == ["*"]}
    assert {action.partition(":")[0] for action in wide} == {"xray", "cloudwatch"}
    for name, one in resources.items():
        if one["Type"] == "AWS::IAM::Role" and not name.startswith("Function"):
            (statement,) = one["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            assert statement["Principal"] == {"Service": "bedrock-agentcore.amazonaws.com"}
            assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
            assert "aws:SourceArn" in statement["Condition"]["ArnLike"]


def test_a_tool_server_is_reached_by_its_arn_in_the_path(resources):
    target = resources["GatewayShopTargetWeather"]["Properties"]
    endpoint = target["TargetConfiguration"]["Mcp"]["McpServer"]["Endpoint"]["Fn::If"]
    arn = "arn%3A${AWS::Partition}%3Abedrock-agentcore%3A${AWS::Region}%3A${AWS::AccountId}%3Aruntime%2F"
    tail = f"/runtimes/{arn}${{RuntimeWeather.AgentRuntimeId}}/invocations?qualifier=DEFAULT"
    assert endpoint == [
        "OnAws",
        {"Fn::Sub": f"https://bedrock-agentcore.${{AWS::Region}}.${{AWS::URLSuffix}}{tail}"},
        {"Fn::Sub": f"${{AgentCoreEndpoint}}{tail}"},
    ]
    (credential,) = target["CredentialProviderConfigurations"]
    signer = {"Service": "bedrock-agentcore", "Region": {"Ref": "AWS::Region"}}
    assert credential["CredentialProvider"] == {"IamCredentialProvider": signer}
    assert resources["GatewayShopTargetWeather"]["DependsOn"] == ["GatewayShopAccess"]


@pytest.mark.behaviour("DEPLOY-SECRETS")
def test_a_secret_is_neither_in_the_template_nor_in_a_parameter(everything):
    text = json.dumps(everything.template)
    assert "the-plain-key" not in text  # the key that the file has itself
    found = everything.template["Resources"]["GatewayShopTargetBirdsProvider"]["Properties"]["ApiKey"]
    name = "GatewayShopTargetBirdsKeySecretName"
    assert found == {"Fn::Sub": f"{{{{resolve:secretsmanager:${{{name}}}:SecretString}}}}"}
    assert "create-secret" in everything.draft.parameters[name].next
    (client,) = [
        one["Properties"]["Oauth2ProviderConfigInput"]["CustomOauth2ProviderConfig"]
        for one in everything.template["Resources"].values()
        if one["Type"].endswith("OAuth2CredentialProvider")
    ]
    assert "resolve:secretsmanager" in json.dumps(client["ClientSecret"])
    assert client["OnBehalfOfTokenExchangeConfig"]["GrantType"] == "TOKEN_EXCHANGE"


@pytest.mark.behaviour("DEPLOY-REALMS")
def test_a_realm_is_a_discovery_url_the_ids_of_clients_and_audiences(everything, resources):
    checks = resources["RuntimeAssistant"]["Properties"]["AuthorizerConfiguration"]["CustomJWTAuthorizer"]
    assert checks["DiscoveryUrl"] == {"Ref": "RealmHomeDiscoveryUrl"}
    assert checks["AllowedClients"] == [{"Ref": "RealmHomeClientAppId"}]
    parameters = everything.draft.parameters
    assert parameters["RealmHomeDiscoveryUrl"].default is None
    assert parameters["RealmHomeClientAppId"].default == "app"
    assert parameters["RuntimeAssistantAudience"].default == "assistant"
    assert everything.draft.own_urls == {
        "RuntimeAssistantOwnUrl": "RuntimeAssistantUrl",
        "GatewayShopOwnUrl": "GatewayShopUrl",
    }
    talk = resources["RuntimeTalk"]["Properties"]["AuthorizerConfiguration"]["CustomJWTAuthorizer"]
    assert talk == {
        "DiscoveryUrl": "https://login.example/.well-known/openid-configuration",
        "AllowedClients": ["one"],
    }


def test_tools_policies_and_limits_are_spelled_as_cloudformation_has_them(resources):
    orders = resources["GatewayShopTargetOrders"]["Properties"]["TargetConfiguration"]["Mcp"]["Lambda"]
    (tool,) = orders["ToolSchema"]["InlinePayload"]
    assert tool["Name"] == "refund"
    assert tool["InputSchema"]["Properties"]["items"] == {"Type": "array", "Items": {"Type": "string"}}
    assert tool["InputSchema"]["Required"] == ["order_id"]
    permit, forbid = (one for one in resources.values() if one["Type"] == "AWS::BedrockAgentCore::Policy")
    statement = json.dumps(permit["Properties"]["Definition"])
    assert "${GatewayShop.GatewayArn}" in statement
    (first,) = [name for name, one in resources.items() if one is permit]
    assert first in forbid["DependsOn"]
    assert "GatewayShopTargetOrders" in permit["DependsOn"]
    (limit,) = (one for one in resources.values() if one["Type"].endswith("GatewayRateLimit"))
    assert limit["Properties"]["DimensionKeys"] == ["targetName", "$.context.jwt.sub"]
    assert limit["Properties"]["Entries"] == [
        {
            "Dimensions": {"targetName": "orders", "$.context.jwt.sub": "*"},
            "Requests": [{"Rate": 5.0, "Period": "second"}],
            "Connections": [{"Rate": 10.0, "Period": "second"}],
        }
    ]


def test_an_openapi_document_has_the_server_of_the_target_and_is_else_as_it_was(resources):
    target = resources["GatewayShopTargetPets"]["Properties"]["TargetConfiguration"]
    before, url, path, behind = target["Mcp"]["OpenApiSchema"]["InlinePayload"]["Fn::Join"][1]
    assert (url, path) == ({"Ref": "ServicePetsUrl"}, "/v2")
    found = json.loads(f"{before}https://pets.example{path}{behind}")
    assert found["servers"] == [{"url": "https://pets.example/v2"}]
    assert (
        found["paths"]["/pets/{pet_id}"]["get"]["responses"]["200"]["description"]
        == "a pet for 5 ${currency}"
    )


def test_a_function_with_an_open_door_has_both_permissions(resources):
    function = resources["FunctionOrders"]["Properties"]
    assert (function["Runtime"], function["Architectures"], function["Timeout"]) == (
        "python3.13",
        ["arm64"],
        13,
    )
    permissions = [
        one["Properties"] for one in resources.values() if one["Type"] == "AWS::Lambda::Permission"
    ]
    assert {one["Action"] for one in permissions} == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
    assert permissions[1]["InvokedViaFunctionUrl"] is True


@pytest.mark.behaviour("DEPLOY-LEFT")
def test_what_stays_here_is_told_with_the_next_move(everything):
    left = {one.what: one for one in everything.draft.left}
    assert left.keys() >= {
        "[realms.home]",
        "[services.pets]",
        "[guardrails.polite]",
        "[functions.page]",
        "[seeds]",
        "[models]",
        "[sessions]",
        "[traces]",
        "[stack] region",
        "[stack] permissions",
        "[runtimes.assistant] environment.NOTES",
    }
    assert all(one.why and one.next for one in left.values())


def test_another_platform(tmp_path: Path):
    text = '[functions.f]\npath = "fn"\nhandler = "handler.f"\n[runtimes.r]\npath = "code"\n'
    found = document(draft(tmp_path, text, Platform(python="3.12", architecture="x86_64")))["Resources"]
    assert found["FunctionF"]["Properties"]["Runtime"] == "python3.12"
    assert found["FunctionF"]["Properties"]["Architectures"] == ["x86_64"]
    artifact = found["RuntimeR"]["Properties"]["AgentRuntimeArtifact"]
    assert artifact["CodeConfiguration"]["Runtime"] == "PYTHON_3_12"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[stack]\n", "nothing to deploy"),
        ('[runtimes.r]\npath = "code"\nenvironment = { A = "${gateways.none.url}" }\n', "gateways.none.url"),
        ('[runtimes.r]\npath = "code"\nenvironment = { A = "${nothing}" }\n', "${nothing}"),
        ('[gateways.g.targets.t]\nurl = "http://plain.example/mcp"\n', "without TLS"),
        ('[gateways.g.targets.t]\nurl = "${endpoint}/mcp"\n', "only this machine has"),
    ],
)
def test_what_cannot_be_deployed_is_named(tmp_path: Path, text: str, said: str):
    with pytest.raises(ConfigurationError) as error:
        template(tmp_path, text)
    assert said in str(error.value)
    assert error.value.hint
