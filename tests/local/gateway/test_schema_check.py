"""Schemas at CreateGatewayTarget, over the wire with boto3, and lists of tools as they are given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry.local.gateway.schemas import check
from skerry.local.gateway.schemas.problem import SchemaError
from skerry.local.gateway.schemas.source import INLINE_MAX
from skerry.local.gateway.schemas.tool_list import lambda_tools, mcp_tools
from tests.fuzz.effort import scaled
from tests.kit.local_endpoint import ROLE, ControlStack, control
from tests.kit.rest_api import openapi

OK = {"responses": {"200": {"description": "ok"}}}


@pytest.fixture(scope="module")
def agentcore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with control(ControlStack(tmp_path_factory.mktemp("control"), check_target=check.problem)) as client:
        yield client


@pytest.fixture(scope="module")
def gateway(agentcore: Any) -> str:
    made = agentcore.create_gateway(name="schemas", roleArn=ROLE, authorizerType="AWS_IAM")
    return str(made["gatewayId"])


def api(**members: Any) -> str:
    return openapi("https://api.example.com", {"/a": {"get": {"operationId": "a", **OK, **members}}})


def refused(call: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer = caught.value.response
    assert answer["Error"]["Code"] == "ValidationException"
    assert answer["reason"] == "FieldValidationFailed"
    assert answer["fieldList"][0]["name"] == "targetConfiguration"
    return str(answer["Error"]["Message"])


@pytest.mark.behaviour("GW-SCHEMA-CHECKED")
@pytest.mark.parametrize(
    ("mcp", "expected"),
    [
        ({"openApiSchema": {"inlinePayload": api(operationId="")}}, "GET /a: operationId is missing"),
        ({"openApiSchema": {"inlinePayload": "openapi: 3.0.3\n\tx: y"}}, "line 2"),
        (
            {
                "openApiSchema": {
                    "inlinePayload": openapi("http://10.1.2.3", {"/a": {"get": {"operationId": "a"}}})
                }
            },
            "10.1.2.3",
        ),
        ({"openApiSchema": {"inlinePayload": api(operationId="n" * 256)}}, "256 are allowed"),
        ({"openApiSchema": {"inlinePayload": api(description="d" * INLINE_MAX)}}, "1000000 are allowed"),
        (
            {
                "mcpServer": {
                    "endpoint": "https://x.example.com/mcp",
                    "mcpToolSchema": {"inlinePayload": "{}"},
                }
            },
            "no list of tools",
        ),
    ],
)
def test_a_document_that_gives_no_tools_is_refused_at_creation(
    agentcore: Any, gateway: str, mcp: Any, expected: str
) -> None:
    given = {"gatewayIdentifier": gateway, "name": "t", "targetConfiguration": {"mcp": mcp}}
    assert expected in refused(agentcore.create_gateway_target, **given)
    assert agentcore.list_gateway_targets(gatewayIdentifier=gateway)["items"] == []


@pytest.mark.behaviour("GW-SCHEMA-CHECKED")
def test_an_update_is_checked_like_a_creation(agentcore: Any, gateway: str) -> None:
    given = {"gatewayIdentifier": gateway, "name": "upd"}
    good = {"mcp": {"openApiSchema": {"inlinePayload": api()}}}
    made = agentcore.create_gateway_target(**given, targetConfiguration=good)
    identifiers = {"gatewayIdentifier": gateway, "targetId": made["targetId"]}
    bad = {"mcp": {"openApiSchema": {"inlinePayload": "{}"}}}
    assert "openapi" in refused(
        agentcore.update_gateway_target, **identifiers, name="upd", targetConfiguration=bad
    )
    kept = agentcore.get_gateway_target(**identifiers)
    assert kept["targetConfiguration"] == good
    agentcore.delete_gateway_target(**identifiers)


@pytest.mark.behaviour("GW-SCHEMA-HEADER-DECLARED")
def test_a_declared_header_cannot_be_allowed_too(agentcore: Any, gateway: str) -> None:
    text = api(parameters=[{"name": "X-Trace", "in": "header", "schema": {"type": "string"}}])
    message = refused(
        agentcore.create_gateway_target,
        gatewayIdentifier=gateway,
        name="t",
        targetConfiguration={"mcp": {"openApiSchema": {"inlinePayload": text}}},
        metadataConfiguration={"allowedRequestHeaders": ["x-trace"]},
    )
    assert "a has the header parameter X-Trace" in message


@pytest.mark.behaviour("GW-SCHEMA-CHECKED")
def test_a_list_of_lambda_tools_has_a_size_too(agentcore: Any, gateway: str) -> None:
    function = "arn:aws:lambda:us-east-1:123456789012:function:f"
    tools = [tool(name=f"t{n}", description="d" * 2000) for n in range(500)]
    message = refused(
        agentcore.create_gateway_target,
        gatewayIdentifier=gateway,
        name="t",
        targetConfiguration={
            "mcp": {"lambda": {"lambdaArn": function, "toolSchema": {"inlinePayload": tools}}}
        },
        credentialProviderConfigurations=[{"credentialProviderType": "GATEWAY_IAM_ROLE"}],
    )
    assert "1000000 are allowed" in message


def tool(**members: Any) -> dict[str, Any]:
    return {"name": "t", "description": "d", "inputSchema": {"type": "object"}} | members


@pytest.mark.behaviour("GW-SCHEMA-LIST")
@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        ("{", "line 1"),
        ({}, "no list of tools"),
        ([1], "no list of tools"),
        ([tool()] * 2, "'t' is defined twice"),
        ([tool(name="")], "has no name"),
        ([tool(annotations={})], "'annotations'"),
        ([{"name": "t", "inputSchema": {"type": "object"}}], "'t' has no description"),
        ([tool(inputSchema={"type": "string"})], "must be of type object"),
        ([tool(inputSchema={"type": "object", "additionalProperties": False})], "'additionalProperties'"),
        (
            [tool(inputSchema={"type": "object", "properties": {"x": {"type": "string", "enum": ["a"]}}})],
            "inputSchema.x uses 'enum'",
        ),
        (
            [
                tool(
                    inputSchema={
                        "type": "object",
                        "properties": {"x": {"type": "array", "items": {"type": "date"}}},
                    }
                )
            ],
            "inputSchema.x.items has no type",
        ),
        ([tool(inputSchema={"type": "object", "required": "x"})], "required must be a list"),
        ([tool(name=f"t{n}") for n in range(1001)], "1000 are allowed"),
    ],
)
def test_a_lambda_tool_schema_is_held_to_what_aws_knows(tools: Any, expected: str) -> None:
    with pytest.raises(SchemaError, match=expected):
        lambda_tools(tools if isinstance(tools, str) else json.dumps(tools))


@pytest.mark.behaviour("GW-SCHEMA-LIST")
@pytest.mark.parametrize(
    ("tools", "expected"), [([{}], "has no name"), ([{"name": "a"}], "has no inputSchema")]
)
def test_a_list_of_mcp_tools_needs_names_and_schemas(tools: Any, expected: str) -> None:
    with pytest.raises(SchemaError, match=expected):
        mcp_tools(json.dumps({"tools": tools}))


JSON = st.recursive(
    st.none() | st.booleans() | st.sampled_from(["object", "t", "string", 1]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "description",
                    "inputSchema",
                    "outputSchema",
                    "type",
                    "properties",
                    "items",
                    "required",
                    "tools",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@pytest.mark.behaviour("GW-SCHEMA-LIST")
@settings(max_examples=scaled(80), deadline=None)
@given(tree=JSON)
def test_any_list_gives_tools_or_one_problem(tree: Any) -> None:
    for read in (lambda_tools, mcp_tools):
        try:
            assert all(isinstance(item["name"], str) for item in read(json.dumps(tree)))
        except SchemaError as error:
            assert str(error)
