"""What tools take, and the two schemas that say so."""

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ServiceError
from skerry.servers.aws_ops.arguments import Parameter, Parameters
from skerry.servers.aws_ops.registry import find

TOOLS = list(find())
NAMES = sorted(
    [
        *(f"{name}_read_operations" for name in ["apigateway", "bedrock", "cloudformation", "cloudwatch"]),
        *(
            f"{name}_read_operations"
            for name in ["cost_explorer", "dynamodb", "ec2", "ecs", "eks", "iam", "lambda", "rds"]
        ),
        *(f"{name}_read_operations" for name in ["route53", "s3", "sagemaker", "ses", "sns", "sqs"]),
        *("get_time", "hello_world"),
    ]
)

sample = Parameters(
    (
        Parameter(name="operation", description="x", one_of=("list_things", "describe_thing")),
        Parameter(name="limit", description="x", kind="integer", minimum=1, maximum=9),
        Parameter(name="deep", description="x", kind="boolean"),
        Parameter(name="text", description="x", max_length=5),
    ),
    required=("operation",),
)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ([], "an object"),
        ("x", "an object"),
        ({}, "'operation' is missing"),
        ({"operation": ""}, "'operation' is missing"),
        ({"operation": None}, "'operation' is missing"),
        ({"operation": "list_thing"}, r"one of list_things, describe_thing \(did you mean list_things\?\)"),
        ({"operation": 3}, "must be a string, not int"),
        ({"operation": "list_things", "limits": 3}, r"'limits' is not a parameter \(did you mean limit\?\)"),
        ({"operation": "list_things", "limit": "3"}, "'limit' must be a integer, not str"),
        ({"operation": "list_things", "limit": True}, "not bool"),
        ({"operation": "list_things", "limit": 0}, "at least 1"),
        ({"operation": "list_things", "limit": 10}, "at most 9"),
        ({"operation": "list_things", "deep": 1}, "must be a boolean"),
        ({"operation": "list_things", "text": "x" * 6}, "longer than 5"),
    ],
)
def test_wrong_arguments_are_named_with_the_next_move(values, complaint):
    with pytest.raises(ServiceError, match=complaint) as caught:
        sample.check(values)
    assert (caught.value.name, caught.value.status) == ("ValidationException", 400)


def test_every_wrong_member_is_listed():
    with pytest.raises(ServiceError) as caught:
        sample.check({"limit": 0, "nope": 1})
    listed = [item["name"] for item in caught.value.members["fieldList"]]
    assert sorted(listed) == ["limit", "nope", "operation"]


def test_empty_and_null_count_as_left_out():
    values = {"operation": "list_things", "text": "", "limit": None, "deep": False}
    assert sample.check(values) == {"operation": "list_things", "deep": False}


@given(st.dictionaries(st.text(max_size=20), st.one_of(st.none(), st.booleans(), st.integers(), st.text())))
def test_any_object_is_either_taken_or_refused_in_words(values):
    try:
        given_values = sample.check(values)
    except ServiceError as error:
        assert error.members["fieldList"]
    else:
        assert given_values["operation"] in ("list_things", "describe_thing")


def test_the_tools_of_this_package():
    assert sorted(tool.name for tool in TOOLS) == NAMES
    assert len(NAMES) == 20


@pytest.mark.behaviour("OPS-SCHEMA")
def test_the_gateway_takes_the_generated_schema():
    """botocore's own validator, as boto3 runs it before sending CreateGatewayTarget."""
    model = Session().get_service_model("bedrock-agentcore-control")
    shape = model.operation_model("CreateGatewayTarget").input_shape
    tools = [
        {"name": tool.name, "description": tool.description, "inputSchema": tool.arguments.gateway_schema()}
        for tool in TOOLS
    ]
    request = {
        "gatewayIdentifier": "g",
        "targetConfiguration": {
            "mcp": {"lambda": {"lambdaArn": "arn:x", "toolSchema": {"inlinePayload": tools}}}
        },
    }
    assert ParamValidator().validate(request, shape).generate_report() == ""
    assert {tool["inputSchema"]["type"] for tool in tools} == {"object"}


@pytest.mark.behaviour("OPS-SCHEMA")
def test_allowed_values_stand_in_the_description():
    schema = next(tool for tool in TOOLS if tool.name == "s3_read_operations").arguments.gateway_schema()
    words = schema["properties"]["operation"]["description"]
    assert words.startswith("operation: one of list_buckets, describe_bucket, get_bucket_policy, ")
    assert schema["properties"]["limit"]["description"].endswith("From 1 to 200.")
    assert "profile" not in schema["properties"]


def test_mcp_clients_get_the_full_schema():
    schema = next(tool for tool in TOOLS if tool.name == "ec2_read_operations").arguments.json_schema()
    assert schema["additionalProperties"] is False
    assert schema["properties"]["operation"]["enum"][0] == "list_instances"
    assert schema["properties"]["limit"] == {
        "type": "integer",
        "description": "How many items at most; 50 when left out.",
        "minimum": 1,
        "maximum": 200,
    }


def test_a_tool_name_fits_behind_a_target():
    """Model APIs allow 64 characters for `target___tool`."""
    assert max(len(f"aws-operations___{tool.name}") for tool in TOOLS) <= 64
