"""Tags, on a gateway."""

from tests.contracts.operations import Call

_ARN = {"resourceArn": "${gateway.gatewayArn}"}

CALLS = (
    Call(
        "CreateGateway",
        {"name": "tagged", "roleArn": "${facts.role}", "authorizerType": "NONE", "tags": {"a": "b"}},
        save="gateway",
    ),
    Call("TagResource", {**_ARN, "tags": {"team": "desk"}}),
    Call("ListTagsForResource", _ARN),
    Call("UntagResource", {**_ARN, "tagKeys": ["team"]}),
)
