"""Which resources a request to a service of the embedded cloud is about: one table.

A row is a parameter and what stands behind `arn:aws:SERVICE:REGION:ACCOUNT:` for its value; a value that is
an ARN already counts as it is. Every row counts whose parameter the request has, and a list is about each of
its members; a row of `ELSE` counts where no other does. What has no row, or none of its parameters, is about
`*`. Where that stands for something that is not known here, it is vague: see `auth.iam.decisions.Request`.
The six characters that Secrets Manager adds to a name, and the key of a KMS alias, are known in the embedded
cloud alone, which is asked for them by the name that the request has.

Source: AWS service authorization reference, resource types of each service.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Parameters = Mapping[str, Any]
Place = tuple[str, str]
"""Region and account."""

_CIPHERTEXT = "CiphertextBlob"
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
    "kms": (
        *((name, "key/{value}") for name in ("KeyId", "TargetKeyId", "SourceKeyId", "DestinationKeyId")),
        (_CIPHERTEXT, "key/{value}"),
        ("AliasName", _VALUE),
    ),
    "lambda": (("FunctionName", "function:{value}"), ("Resource", _VALUE)),
    "logs": (("logStreamName", _STREAM), ("logGroupName", "log-group:{value}:*"), ("resourceArn", _VALUE)),
    "secretsmanager": (("SecretId", "secret:{value}-??????"), ("Name", "secret:{value}-??????")),
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


ELSE = frozenset({("events", "EventBusName"), ("logs", "logGroupName"), ("sns", "Name"), ("states", "name")})
"""Rows whose parameter only says more of what another one names."""
_PAGING = frozenset(
    {"action", "version", "limit", "marker", "maxitems", "maxrecords", "maxresults", "nexttoken"}
)
"""Parameters that name nothing, in lower case."""

_KEY_ID = re.compile(rb"(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_ANYWHERE = frozenset({"TopicArn", "TargetArn"})
"""Parameters of SNS that name a topic of whatever account, and in the embedded cloud no other one."""


class Found(NamedTuple):
    """An ARN, whether it is vague, and by which name the embedded cloud finds the resource."""

    arn: str
    vague: bool = False
    name: str = ""


def resources(service: str, given: Parameters, place: Place) -> list[Found]:
    """What a request is about; `*` alone where that is not known, or there is nothing."""
    rows = [row for row in TABLE.get(service, ()) if row[0] in given]
    chief = [row for row in rows if (service, row[0]) not in ELSE]
    found: list[Found] = []
    for name, template in chief or rows:
        values = _values(given[name])
        if name == _CIPHERTEXT:
            values = [key for key in map(key_of, values or ()) if key]
            if not values and "KeyId" in given:  # what an asymmetric key encrypted does not name it
                continue
        elif name in _ANYWHERE:
            found += [Found(value) for value in values or () if value.startswith("arn:aws:sns:")]
            values = [value for value in values or () if not value.startswith("arn:aws:sns:")]
            if not values and found:
                continue
        found += [_arn(service, template, value, given, place) for value in values or ()]
        if not values:
            found.append(Found("*", vague=True, name="*"))
    if not found:
        named = {name.lower() for name in given} - _PAGING
        vague = bool(named) or service not in TABLE
        return [Found("*", vague, "*" if vague and service != "kms" else "")]
    return _of_index(service, found, given)


def key_of(ciphertext: str) -> str:
    """The id of the key that encrypted something, which the embedded cloud writes before it, or ""."""
    try:
        found = _KEY_ID.match(base64.b64decode(ciphertext))
    except ValueError:
        return ""
    return found[0].decode("ascii") if found else ""


def _values(value: object) -> list[str] | None:
    """The texts of a parameter, None where it has others; a map of DynamoDB's batches is about its keys."""
    found = list(value) if isinstance(value, list | Mapping) else [value]
    texts = [item for item in found if isinstance(item, str) and item]
    return texts if len(texts) == len(found) else None


def _arn(service: str, template: str, value: str, given: Parameters, place: Place) -> Found:
    own = f"arn:aws:{service}:{place[0]}:{place[1]}:"
    if value.startswith("arn:"):
        # Of another place the embedded cloud may not look at anything but the name.
        if not value.startswith(own):
            return Found("*", vague=True, name=value)
        rest = value[len(own) :]
    else:
        group = given.get("logGroupName")
        rest = template.format(
            value=value,
            tail=value.rstrip("/").rpartition("/")[2],
            path=value.removeprefix("/"),
            logGroupName=group if isinstance(group, str) and group else "*",
        )
    if service == "kms" and template != _VALUE and rest.removeprefix("key/").startswith("alias/"):
        return Found(f"{own}key/*", vague=True, name=value)
    if service == "secretsmanager":
        return Found(own + rest, vague=rest.endswith("?"), name=value)
    # A key has many spellings there, of which this ARN is one.
    return Found(own + rest, name=value if service == "kms" and template != _VALUE else "")


def _of_index(service: str, found: list[Found], given: Parameters) -> list[Found]:
    index = given.get("IndexName")
    if service != "dynamodb" or not index:
        return found
    return [item._replace(arn=f"{item.arn}/index/{index}") for item in found]
