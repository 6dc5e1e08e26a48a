"""What works nowhere but on one's own machine is refused here too: the rules of the contract by their number."""

from __future__ import annotations

import uuid

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from skerry.local.api import service_model
from skerry.local.api.validation import violations
from tests.kit.asgi_thread import serve
from tests.kit.local_endpoint import ACCOUNT, DEVELOPER, REGION, ROLE, ControlStack

LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:tools"
IAM = {"credentialProviderType": "GATEWAY_IAM_ROLE"}
SIGNED = {**IAM, "credentialProvider": {"iamCredentialProvider": {"service": "lambda"}}}


@pytest.fixture(scope="module")
def agentcore(tmp_path_factory):
    """A client that sends what it is given: boto3 itself would refuse some of it."""
    with serve(ControlStack(tmp_path_factory.mktemp("control"))) as url:
        client = botocore.session.Session().create_client(
            "bedrock-agentcore-control",
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id=DEVELOPER.access_key_id,
            aws_secret_access_key=DEVELOPER.secret_access_key,
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        )
        yield client
        client.close()


def function(**schema):
    tool = {"name": "t", "description": "d", "inputSchema": {"type": "object", **schema}}
    return {"mcp": {"lambda": {"lambdaArn": LAMBDA, "toolSchema": {"inlinePayload": [tool]}}}}


def server(endpoint="https://tools.example/mcp", **members):
    return {"mcp": {"mcpServer": {"endpoint": endpoint, **members}}}


def passthrough(endpoint):
    return {"http": {"passthrough": {"endpoint": endpoint, "protocolType": "CUSTOM"}}}


@pytest.mark.behaviour("CTL-LINT")
@pytest.mark.parametrize(
    ("rule", "configuration", "members", "gateway"),
    [
        ("L01", server("http://tools.example/mcp"), {}, {}),
        ("L01", passthrough("http://tools.example"), {}, {}),
        ("L03", function(type="array"), {"credentialProviderConfigurations": [IAM]}, {}),
        ("L09", function(), {}, {}),
        (
            "L09",
            function(),
            {"credentialProviderConfigurations": [{"credentialProviderType": "API_KEY"}]},
            {},
        ),
        ("L10", function(), {"credentialProviderConfigurations": [SIGNED]}, {}),
        ("L10", server(), {"credentialProviderConfigurations": [IAM]}, {}),
        (
            "L11",
            server(),
            {"credentialProviderConfigurations": [{"credentialProviderType": "JWT_PASSTHROUGH"}]},
            {},
        ),
        (
            "L11",
            passthrough("https://tools.example"),
            {"credentialProviderConfigurations": [{"credentialProviderType": "CALLER_IAM_CREDENTIALS"}]},
            {"authorizerType": "NONE"},
        ),
        ("L13", server(), {"metadataConfiguration": {"allowedRequestHeaders": ["X-Amzn-Trace"]}}, {}),
        (
            "L13",
            server(),
            {"metadataConfiguration": {"allowedRequestHeaders": [f"X-{number}" for number in range(11)]}},
            {},
        ),
        (
            "L14",
            server(),
            {"metadataConfiguration": {"allowedRequestHeaders": ["Mcp-Session-Id"]}},
            {"protocolConfiguration": {"mcp": {"sessionConfiguration": {"sessionTimeoutInSeconds": 900}}}},
        ),
        (
            "L15",
            server(listingMode="DYNAMIC"),
            {},
            {"protocolConfiguration": {"mcp": {"searchType": "SEMANTIC"}}},
        ),
        ("L18", server(), {"name": "with_underscore"}, {}),
        ("L18", server(), {"name": "x" * 101}, {}),
    ],
)
def test_a_target_that_aws_refuses_is_refused(agentcore, rule, configuration, members, gateway):
    del rule
    given = {"name": f"g-{uuid.uuid4().hex[:12]}", "roleArn": ROLE, "authorizerType": "AWS_IAM"}
    made = agentcore.create_gateway(**given | gateway, clientToken=uuid.uuid4().hex + "x")
    with pytest.raises(ClientError) as caught:
        agentcore.create_gateway_target(
            **{
                "gatewayIdentifier": made["gatewayId"],
                "name": "t",
                "targetConfiguration": configuration,
                "clientToken": uuid.uuid4().hex + "x",
            }
            | members
        )
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert agentcore.list_gateway_targets(gatewayIdentifier=made["gatewayId"])["items"] == []


@pytest.mark.behaviour("CTL-LINT")
@pytest.mark.parametrize(("rule", "name"), [("L18", "g" * 49), ("L18", "a_b"), ("L18", "-a")])
def test_a_gateway_that_aws_refuses_is_refused(agentcore, rule, name):
    del rule
    with pytest.raises(ClientError) as caught:
        agentcore.create_gateway(
            name=name, roleArn=ROLE, authorizerType="NONE", clientToken=uuid.uuid4().hex + "x"
        )
    assert caught.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.behaviour("CTL-LINT")
@pytest.mark.parametrize(
    "member", ["enum", "default", "format", "oneOf", "$ref", "additionalProperties", "minimum", "maximum"]
)
def test_rule_l02_a_lambda_schema_has_five_members(member):
    """boto3 cannot even write such a schema, other clients can."""
    model = service_model.load("bedrock-agentcore-control")
    given = {"gatewayIdentifier": "desk-0123456789", "targetConfiguration": function(**{member: "x"})}
    (found,) = violations(model, model.operations["CreateGatewayTarget"].input, given)
    assert found.path.endswith(f"inputSchema.{member}")
    assert found.text.endswith("Member is not known")
