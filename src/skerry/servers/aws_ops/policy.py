"""The IAM action that an API call needs: mostly the call's own name, and a table where it is not.

Nothing here was compared with the live service. The names follow the service authorization reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from skerry.servers.aws_ops import models

# The prefix of a service's actions, by botocore's name of the service. A service that is not here has no
# policy: a tool for it does not start before its row is written.
PREFIXES: Mapping[str, str] = {
    "apigateway": "apigateway",
    "apigatewayv2": "apigateway",
    "application-autoscaling": "application-autoscaling",
    "autoscaling": "autoscaling",
    "bedrock": "bedrock",
    "bedrock-agentcore-control": "bedrock-agentcore",
    "ce": "ce",
    "cloudformation": "cloudformation",
    "cloudwatch": "cloudwatch",
    "dynamodb": "dynamodb",
    "dynamodbstreams": "dynamodb",
    "ec2": "ec2",
    "ecs": "ecs",
    "eks": "eks",
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing",
    "iam": "iam",
    "lambda": "lambda",
    "logs": "logs",
    "rds": "rds",
    "route53": "route53",
    "s3": "s3",
    "sagemaker": "sagemaker",
    "service-quotas": "servicequotas",
    "ses": "ses",
    "sesv2": "ses",
    "sns": "sns",
    "sqs": "sqs",
    "sts": "sts",
}

RENAMED: Mapping[tuple[str, str], str] = {
    ("lambda", "Invoke"): "InvokeFunction",
    ("lambda", "InvokeWithResponseStream"): "InvokeFunction",
    ("s3", "CopyObject"): "PutObject",
    ("s3", "CreateMultipartUpload"): "PutObject",
    ("s3", "DeleteBucketCors"): "PutBucketCORS",
    ("s3", "DeleteBucketEncryption"): "PutEncryptionConfiguration",
    ("s3", "DeleteBucketLifecycle"): "PutLifecycleConfiguration",
    ("s3", "DeleteBucketReplication"): "PutReplicationConfiguration",
    ("s3", "DeleteBucketTagging"): "PutBucketTagging",
    ("s3", "DeleteObjects"): "DeleteObject",
    ("s3", "DeletePublicAccessBlock"): "PutBucketPublicAccessBlock",
    ("s3", "GetBucketCors"): "GetBucketCORS",
    ("s3", "GetBucketEncryption"): "GetEncryptionConfiguration",
    ("s3", "GetBucketLifecycleConfiguration"): "GetLifecycleConfiguration",
    ("s3", "GetBucketNotificationConfiguration"): "GetBucketNotification",
    ("s3", "GetBucketReplication"): "GetReplicationConfiguration",
    ("s3", "GetPublicAccessBlock"): "GetBucketPublicAccessBlock",
    ("s3", "HeadBucket"): "ListBucket",
    ("s3", "HeadObject"): "GetObject",
    ("s3", "ListBuckets"): "ListAllMyBuckets",
    ("s3", "ListMultipartUploads"): "ListBucketMultipartUploads",
    ("s3", "ListObjectVersions"): "ListBucketVersions",
    ("s3", "ListObjects"): "ListBucket",
    ("s3", "ListObjectsV2"): "ListBucket",
    ("s3", "PutBucketCors"): "PutBucketCORS",
    ("s3", "PutBucketEncryption"): "PutEncryptionConfiguration",
    ("s3", "PutBucketLifecycleConfiguration"): "PutLifecycleConfiguration",
    ("s3", "PutBucketReplication"): "PutReplicationConfiguration",
    ("s3", "PutPublicAccessBlock"): "PutBucketPublicAccessBlock",
    ("s3", "UploadPart"): "PutObject",
    ("sns", "PublishBatch"): "Publish",
    ("sqs", "DeleteMessageBatch"): "DeleteMessage",
    ("sqs", "SendMessageBatch"): "SendMessage",
}

# API Gateway's actions are HTTP methods, on the paths of its own API.
_METHODS = frozenset({"apigateway", "apigatewayv2"})

EVERYTHING = "*"


@dataclass(frozen=True, order=True, slots=True)
class Need:
    """An action, `service:Action`, and the resource it is needed for."""

    action: str
    resource: str = EVERYTHING


def need(service: str, api: str) -> Need:
    """What an API call needs. Raises LookupError for a service without a prefix."""
    prefix = PREFIXES[service]
    if service in _METHODS:
        http = models.operation(service, api).http
        return Need(f"{prefix}:{http['method']}", _gateway_resource(str(http["requestUri"])))
    return Need(f"{prefix}:{RENAMED.get((service, api), api)}")


def document(needs: Iterable[Need], roles: Iterable[str] = ()) -> dict[str, Any]:
    """An IAM policy document: one statement per resource, and one for the roles that may be assumed."""
    by_resource: dict[str, set[str]] = {}
    for item in needs:
        by_resource.setdefault(item.resource, set()).add(item.action)
    by_actions: dict[tuple[str, ...], list[str]] = {}
    for resource, actions in sorted(by_resource.items()):
        by_actions.setdefault(tuple(sorted(actions)), []).append(resource)
    statements: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Action": list(actions),
            "Resource": resources[0] if len(resources) == 1 else resources,
        }
        for actions, resources in by_actions.items()
    ]
    allowed = sorted(roles)
    if allowed:
        statements.append({"Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": allowed})
    return {"Version": "2012-10-17", "Statement": statements}


def _gateway_resource(path: str) -> str:
    """`/v2/apis/{apiId}/routes` as the ARN `arn:aws:apigateway:*::/apis/*/routes`."""
    parts = path.partition("?")[0].strip("/").removeprefix("v2/").split("/")
    shown = "/".join("*" if part.startswith("{") else part for part in parts)
    return f"arn:aws:apigateway:*::/{shown}" if shown else "arn:aws:apigateway:*::/*"
