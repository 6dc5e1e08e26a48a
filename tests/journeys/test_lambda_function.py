"""The beginning of every tutorial, with boto3 alone: a function is made, becomes a tool of a gateway, is called."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from botocore.exceptions import ClientError

from skerry.auth.aws import sigv4
from tests.journeys.running import Running
from tests.kit.iam import ACCOUNT, allow, role, session, trust
from tests.kit.lambda_code import zipped
from tests.kit.local_endpoint import settled

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no functions on Windows")

NAME = "tutorial-weather"
ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{NAME}"
CODE = """
def handler(event, context):
    tool = context.client_context.custom["bedrockAgentCoreToolName"] if context.client_context else ""
    return {{"weather": "{weather}", "city": event.get("city"), "tool": tool}}
"""
TOOL = {
    "name": "weather",
    "description": "The weather of a city.",
    "inputSchema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest.fixture(scope="module")
def aws(desk: Running) -> Callable[[str], Any]:
    """The developer's boto3 clients, by service."""
    environment = desk.environment()
    made = session(environment)
    return lambda service: made.client(service, endpoint_url=environment["AWS_ENDPOINT_URL"])


def call(desk: Running, url: str) -> Any:
    """The result of a call of the tool over MCP, signed by the developer."""
    own = session(desk.environment()).get_credentials()
    params = {"name": "made___weather", "arguments": {"city": "Bern"}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
    headers = {"content-type": "application/json", "accept": "application/json"}
    credentials = sigv4.Credentials(own.access_key, own.secret_key, own.token)
    place = {"region": "us-east-1", "service": "bedrock-agentcore", "now": time.time()}
    headers |= sigv4.sign("POST", url, headers, body, credentials=credentials, **place)
    with httpx2.Client(trust_env=False, timeout=60) as http:
        return http.post(url, content=body, headers=headers).json()["result"]


@pytest.mark.behaviour("FN-DEPLOYED")
@pytest.mark.behaviour("FN-DEPLOYED-CHANGED")
@pytest.mark.behaviour("FN-DEPLOYED-GATEWAY")
def test_a_tutorial_with_boto3_alone(desk: Running, aws: Callable[[str], Any]) -> None:
    iam, functions, control = aws("iam"), aws("lambda"), aws("bedrock-agentcore-control")
    executes = role(iam, "tutorial-function", trust({"Service": "lambda.amazonaws.com"}))
    agentcore = {"Service": "bedrock-agentcore.amazonaws.com"}
    calls = role(iam, "tutorial-gateway", trust(agentcore), allow("lambda:InvokeFunction", ARN))
    functions.create_function(
        FunctionName=NAME,
        Runtime="python3.13",
        Role=executes,
        Handler="app.handler",
        Code={"ZipFile": zipped(app=CODE.format(weather="rain"))},
        Timeout=30,
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=NAME)
    answer = functions.invoke(FunctionName=NAME, Payload=b'{"city": "Bern"}')
    assert json.load(answer["Payload"]) == {"weather": "rain", "city": "Bern", "tool": ""}
    functions.update_function_code(FunctionName=NAME, ZipFile=zipped(app=CODE.format(weather="sun")))
    functions.get_waiter("function_updated_v2").wait(FunctionName=NAME)
    answer = functions.invoke(FunctionName=NAME, Payload=b'{"city": "Bern"}')
    assert json.load(answer["Payload"])["weather"] == "sun"

    made = control.create_gateway(name="tutorial", roleArn=calls, authorizerType="AWS_IAM")
    gateway = {"gatewayIdentifier": made["gatewayId"]}
    settled(control.get_gateway, **gateway)
    lambdas = {"lambdaArn": ARN, "toolSchema": {"inlinePayload": [TOOL]}}
    target = control.create_gateway_target(
        **gateway,
        name="made",
        targetConfiguration={"mcp": {"lambda": lambdas}},
        credentialProviderConfigurations=[{"credentialProviderType": "GATEWAY_IAM_ROLE"}],
    )
    settled(control.get_gateway_target, **gateway, targetId=target["targetId"])
    told = call(desk, made["gatewayUrl"])
    assert told["isError"] is False
    assert json.loads(told["content"][0]["text"]) == {
        "weather": "sun",
        "city": "Bern",
        "tool": "made___weather",
    }

    iam.delete_role_policy(RoleName="tutorial-gateway", PolicyName="own")
    assert call(desk, made["gatewayUrl"])["isError"] is True
    control.delete_gateway_target(**gateway, targetId=target["targetId"])
    functions.delete_function(FunctionName=NAME)
    with pytest.raises(ClientError, match="Function not found"):
        functions.invoke(FunctionName=NAME)


@pytest.mark.behaviour("FN-DECLARED-SHOWN")
@pytest.mark.behaviour("FN-DECLARED-NAME")
def test_the_declared_functions_are_among_those_of_the_account(aws: Callable[[str], Any]) -> None:
    functions = aws("lambda")
    listed = {item["FunctionName"]: item for item in functions.list_functions()["Functions"]}
    assert {"aws-ops", "agent", "resize-images"} <= set(listed)  # the last one is of the seeds
    shown = functions.get_function(FunctionName="aws-ops")["Configuration"]
    assert shown == listed["aws-ops"]
    assert shown["State"] == "Active"
    with pytest.raises(ClientError, match="Function already exist: aws-ops") as caught:
        functions.create_function(
            FunctionName="aws-ops",
            Runtime="python3.13",
            Role=f"arn:aws:iam::{ACCOUNT}:role/any",
            Handler="app.handler",
            Code={"ZipFile": zipped(app="")},
        )
    assert caught.value.response["Error"]["Code"] == "ResourceConflictException"
    with pytest.raises(ClientError, match=r"skerry\.toml"):
        functions.delete_function(FunctionName="aws-ops")
