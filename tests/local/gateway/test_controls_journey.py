"""Interceptors and rate limits as a user has them: boto3, real functions in AWS's runtime client, MCP clients."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from skerry.auth.aws import sigv4
from skerry.local.functions import FunctionSettings
from tests.kit.local_endpoint import ACCOUNT, DEVELOPER, REGION, ROLE
from tests.kit.planes import Planes, planes

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="awslambdaric is not there for Windows")

FOLDER = Path(__file__).parent
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}}


def arn(name: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planes]:
    functions = {
        name: FunctionSettings(path=FOLDER, handler=f"handlers.{name}")
        for name in ("tool", "before", "after")
    }
    with planes(tmp_path_factory.mktemp("state"), functions) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(stack: Planes) -> Mapping[str, Any]:
    """A signed gateway with both interceptors and a Lambda target with the tools `save` and `drop`."""
    control = stack.client("bedrock-agentcore-control")
    made: Mapping[str, Any] = control.create_gateway(
        name="desk",
        roleArn=ROLE,
        authorizerType="AWS_IAM",
        exceptionLevel="DEBUG",
        interceptorConfigurations=[
            {
                "interceptor": {"lambda": {"arn": arn("before")}},
                "interceptionPoints": ["REQUEST"],
                "inputConfiguration": {"passRequestHeaders": True},
            },
            {"interceptor": {"lambda": {"arn": arn("after")}}, "interceptionPoints": ["RESPONSE"]},
        ],
    )
    tools = [{"name": name, "description": "d", "inputSchema": SCHEMA} for name in ("save", "drop")]
    control.create_gateway_target(
        gatewayIdentifier=made["gatewayId"],
        name="fn",
        targetConfiguration={
            "mcp": {"lambda": {"lambdaArn": arn("tool"), "toolSchema": {"inlinePayload": tools}}}
        },
        credentialProviderConfigurations=[{"credentialProviderType": "GATEWAY_IAM_ROLE"}],
        metadataConfiguration={"allowedRequestHeaders": ["X-Tenant-Id"]},
    )
    return made


class Signed(httpx2.Auth):
    """Signs each request with the developer's key."""

    requires_request_body = True

    def auth_flow(self, request: httpx2.Request) -> Any:
        kept = {"content-type": request.headers.get("content-type", "application/json")}
        added = sigv4.sign(
            request.method,
            str(request.url),
            kept,
            request.content,
            credentials=DEVELOPER,
            region=REGION,
            service="bedrock-agentcore",
            now=time.time(),
        )
        request.headers.update(added)
        yield request


@pytest.mark.behaviour("ICP-REAL")
@pytest.mark.parametrize("mode", ["legacy", "auto", "2026-07-28"])
async def test_a_client_of_either_era_goes_through_real_functions(
    stack: Planes, gateway: Mapping[str, Any], mode: str
) -> None:
    async with httpx2.AsyncClient(auth=Signed(), trust_env=False, timeout=60) as http:
        transport = streamable_http_client(gateway["gatewayUrl"], http_client=http)
        async with Client(transport, mode=mode) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == ["fn___save"]
            saved = await client.call_tool("fn___save", {"text": "my secret"})
            assert "my [hidden]" in saved.content[0].text
            assert '"x-tenant-id": "acme"' in saved.content[0].text
            dropped = await client.call_tool("fn___drop", {})
            assert (dropped.is_error, dropped.content[0].text) == (True, "You may not drop tables.")
    assert {hop.target for hop in stack.recorder.hops if hop.operation.startswith("→ interceptor")} == {
        "before",
        "after",
    }


@pytest.mark.behaviour("LIM-REAL")
async def test_a_limit_made_with_boto3_holds_for_the_next_call(
    stack: Planes, gateway: Mapping[str, Any]
) -> None:
    control = stack.client("bedrock-agentcore-control")
    key = "$.context.iam.principal"
    principal = f"arn:aws:iam::{ACCOUNT}:user/skerry"
    entry = {"dimensions": {key: principal}, "requests": [{"rate": 0, "period": "minute"}]}
    limit = control.create_gateway_rate_limit(
        gatewayIdentifier=gateway["gatewayId"], dimensionKeys=[key], entries=[entry]
    )
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    async with httpx2.AsyncClient(auth=Signed(), trust_env=False, timeout=60) as http:
        refused = await http.post(gateway["gatewayUrl"], json=message)
        assert refused.json()["error"]["data"]["limitKey"] == f"{limit['rateLimitId']}/{key}={principal}"
        control.delete_gateway_rate_limit(
            gatewayIdentifier=gateway["gatewayId"], rateLimitId=limit["rateLimitId"]
        )
        assert "result" in (await http.post(gateway["gatewayUrl"], json=message)).json()
