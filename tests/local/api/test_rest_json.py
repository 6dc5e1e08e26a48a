"""Requests as inputs and outputs as responses, in both directions against botocore's own code."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import botocore.session
import pytest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ServiceError
from skerry.local.api import rest_json, service_model
from skerry.local.api.service_model import Match
from tests.kit.local_endpoint import ROLE, artifact

CONTROL = service_model.load("bedrock-agentcore-control")
BOTOCORE = botocore.session.Session().get_service_model("bedrock-agentcore-control")


def parsed(operation, body=b"", query=b"", headers=(), labels=None):
    match = Match(CONTROL.operations[operation], labels or {})
    return rest_json.parse(CONTROL, match, query, headers, body)


def sent(operation, parameters):
    """The input as it arrives after botocore serialised it."""
    request = create_serializer("rest-json").serialize_to_request(
        parameters, BOTOCORE.operation_model(operation)
    )
    match = CONTROL.match(request["method"], request["url_path"].encode())
    assert match is not None
    assert match.operation.name == operation
    query = request["query_string"]
    raw_query = (query if isinstance(query, str) else urlencode(query, doseq=True)).encode()
    headers = [(name.lower().encode(), str(value).encode()) for name, value in request["headers"].items()]
    return rest_json.parse(CONTROL, match, raw_query, headers, bytes(request["body"] or b""))


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        (
            "CreateAgentRuntime",
            {"agentRuntimeName": "a", "roleArn": ROLE, "agentRuntimeArtifact": artifact()},
        ),
        ("GetAgentRuntime", {"agentRuntimeId": "a-0123456789", "agentRuntimeVersion": "3"}),
        ("ListGateways", {"maxResults": 7, "nextToken": "a b/+&=%"}),
        ("ListAgentRuntimes", {"maxResults": 100}),
        (
            "UntagResource",
            {
                "resourceArn": "arn:aws:bedrock-agentcore:us-east-1:123456789012:gateway/g/x",
                "tagKeys": ["a", "b/c é"],
            },
        ),
        ("TagResource", {"resourceArn": "arn:aws:x:y:z:gateway/g", "tags": {"k": "v"}}),
        ("DeleteAgentRuntime", {"agentRuntimeId": "a-0123456789", "clientToken": "t" * 40}),
    ],
)
def test_what_botocore_sends_arrives_as_it_was(operation, parameters):
    assert sent(operation, parameters) == parameters


@given(st.text(max_size=40), st.integers(-(10**9), 10**9))
def test_query_values_arrive_whatever_they_hold(text, number):
    query = urlencode({"maxResults": number, "nextToken": text}).encode()
    assert parsed("ListGateways", query=query) == {"maxResults": number, "nextToken": text}


def outcome(operation, **request):
    try:
        parsed(operation, **request)
    except ServiceError as error:
        return f"{error.name} {error.status} {error.members['reason']}"
    return "read"


@given(st.binary(max_size=200))
def test_any_body_is_an_input_or_a_validation_error(body):
    assert outcome("CreateGateway", body=body) in ("read", "ValidationException 400 CannotParse")


@given(st.binary(max_size=60))
def test_any_query_is_read_or_a_validation_error(query):
    assert outcome("ListGateways", query=query) in ("read", "ValidationException 400 CannotParse")


@pytest.mark.behaviour("CTL-CANNOT-PARSE")
@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'"x"',
        b"{",
        b"\xff",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 10_000,
    ],
)
def test_a_body_that_is_no_json_object_cannot_be_parsed(body):
    with pytest.raises(ServiceError) as caught:
        parsed("CreateGateway", body)
    assert caught.value.members["reason"] == "CannotParse"


@pytest.mark.parametrize("value", ["1_000", "1.0", "٣", "", "0x1", "9" * 30, "-"])
def test_a_number_in_the_query_is_decimal_digits(value):
    with pytest.raises(ServiceError, match="whole number"):
        parsed("ListGateways", query=urlencode({"maxResults": value}).encode())


def test_a_body_cannot_stand_in_for_the_path():
    body = json.dumps({"gatewayIdentifier": "other-0123456789", "name": "n"}).encode()
    assert parsed("UpdateGateway", body, labels={"gatewayIdentifier": "desk-0123456789"}) == {
        "gatewayIdentifier": "desk-0123456789",
        "name": "n",
    }


def test_nulls_are_absent():
    assert parsed("CreateGateway", b'{"name": null, "tags": {"a": null}}') == {"tags": {}}


def test_an_output_has_the_status_and_the_members_of_its_shape_only():
    operation = CONTROL.operations["CreateOauth2CredentialProvider"]
    made = {"name": "n", "clientSecret": "s", "clientSecretArn": {"secretArn": "arn", "more": 1}}
    reply = rest_json.reply(CONTROL, operation, made)
    assert reply.status == 201
    assert json.loads(reply.body) == {"name": "n", "clientSecretArn": {"secretArn": "arn"}}


@pytest.mark.parametrize(
    ("operation", "member"),
    [("GetGateway", "createdAt"), ("GetOauth2CredentialProvider", "createdTime")],
)
def test_timestamps_are_what_botocore_reads(operation, member):
    now = rest_json.iso8601(1_800_000_000.25)
    reply = rest_json.reply(CONTROL, CONTROL.operations[operation], {member: now})
    shape = BOTOCORE.operation_model(operation).output_shape
    answer = {"status_code": reply.status, "headers": {}, "body": reply.body}
    assert create_parser("rest-json").parse(answer, shape)[member].timestamp() == 1_800_000_000.25


def test_an_operation_without_output_answers_without_body():
    reply = rest_json.reply(CONTROL, CONTROL.operations["TagResource"], {})
    assert (reply.status, reply.body) == (204, b"")


def test_an_error_is_what_botocore_reads():
    error = ServiceError("ValidationException", 400, "no.", hint="Do.", members={"reason": "CannotParse"})
    reply = rest_json.error_reply(error)
    headers = {name.decode(): value.decode() for name, value in reply.headers}
    answer = {"status_code": reply.status, "headers": headers, "body": reply.body}
    parsed_error = create_parser("rest-json").parse(
        answer, BOTOCORE.operation_model("GetGateway").output_shape
    )
    assert parsed_error["Error"] == {"Message": "no. Do.", "Code": "ValidationException"}
    assert json.loads(reply.body)["reason"] == "CannotParse"
