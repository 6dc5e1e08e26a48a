"""Which resources a request to a service of the embedded cloud is about: one table.

A row is a parameter and what stands behind `arn:aws:SERVICE:REGION:ACCOUNT:` for its value; a value that is
an ARN already counts as it is. Of a service's rows the first counts whose parameter the request has; a list
is about each of its members. What has no row, or none of its parameters, is about `*`.

Source: AWS service authorization reference, resource types of each service. Not known here: the six
characters that Secrets Manager adds to a name (zeros stand for them), and the key of a KMS alias.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Parameters = Mapping[str, Any]
Place = tuple[str, str]
"""Region and account."""

_VALUE, _TAIL, _STREAM = "{value}", "{tail}", "log-group:{logGroupName}:log-stream:{value}"
TABLE: Mapping[str, Sequence[tuple[str, str]]] = {
    "athena": (("WorkGroup", "workgroup/{value}"),),
    "cloudformation": (("StackName", "stack/{value}/*"),),
    "cognito-idp": (("UserPoolId", "userpool/{value}"),),
    "dynamodb": (
        *((name, "table/{value}") for name in ("TableName", "TableArn", "ResourceArn", "StreamArn")),
        ("RequestItems", "table/{value}"),
    ),
    "ec2": (
        ("InstanceId", "instance/{value}"),
        ("VolumeId", "volume/{value}"),
        ("GroupId", "security-group/{value}"),
        ("VpcId", "vpc/{value}"),
        ("SubnetId", "subnet/{value}"),
    ),
    "ecr": (("repositoryName", "repository/{value}"),),
    "ecs": (("cluster", "cluster/{value}"), ("clusterName", "cluster/{value}")),
    "events": (("Rule", "rule/{value}"), ("Name", "rule/{value}"), ("EventBusName", "event-bus/{value}")),
    "firehose": (("DeliveryStreamName", "deliverystream/{value}"),),
    "kinesis": (("StreamARN", _VALUE), ("StreamName", "stream/{value}")),
    "kms": (("KeyId", "key/{value}"), ("TargetKeyId", "key/{value}")),
    "lambda": (("FunctionName", "function:{value}"), ("Resource", _VALUE)),
    "logs": (("logStreamName", _STREAM), ("logGroupName", "log-group:{value}:*"), ("resourceArn", _VALUE)),
    "secretsmanager": (("SecretId", "secret:{value}-000000"), ("Name", "secret:{value}-000000")),
    "sns": (
        *((name, _VALUE) for name in ("TopicArn", "TargetArn", "SubscriptionArn", "ResourceArn")),
        ("Name", _VALUE),
    ),
    "sqs": (("QueueUrl", _TAIL), ("QueueName", _VALUE)),
    "ssm": (("Name", "parameter/{path}"), ("Names", "parameter/{path}"), ("Path", "parameter/{path}")),
    "states": (
        *((name, _VALUE) for name in ("stateMachineArn", "executionArn", "activityArn", "resourceArn")),
        ("name", "stateMachine:{value}"),
    ),
}


def resources(service: str, given: Parameters, place: Place) -> list[str]:
    """The ARNs of what a request is about; `*` alone where that is not known."""
    for name, template in TABLE.get(service, ()):
        found = [_arn(service, template, value, given, place) for value in _values(given.get(name))]
        if found:
            return _of_index(service, found, given)
    return ["*"]


def _values(value: object) -> list[str]:
    """The texts of a parameter; a map of DynamoDB's batches is about its keys."""
    found = list(value) if isinstance(value, list | Mapping) else [value]
    return [item for item in found if isinstance(item, str) and item]


def _arn(service: str, template: str, value: str, given: Parameters, place: Place) -> str:
    if value.startswith("arn:"):
        return value
    group = given.get("logGroupName")
    rest = template.format(
        value=value,
        tail=value.rstrip("/").rpartition("/")[2],
        path=value.removeprefix("/"),
        logGroupName=group if isinstance(group, str) and group else "*",
    )
    return f"arn:aws:{service}:{place[0]}:{place[1]}:{rest}"


def _of_index(service: str, found: list[str], given: Parameters) -> list[str]:
    index = given.get("IndexName")
    return [f"{arn}/index/{index}" for arn in found] if service == "dynamodb" and index else found
