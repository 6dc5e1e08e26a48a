"""Which permissions requests to the embedded cloud need: a table of requests as they are on the wire."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from skerry.local import aws_actions
from tests.kit.iam import ACCOUNT

PLACE = ("us-east-1", ACCOUNT)
FORM = "application/x-www-form-urlencoded"


def arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:us-east-1:{ACCOUNT}:{rest}"


def asked(
    service: str, method: str = "POST", path: str = "/", query: str = "", body: bytes = b"", **headers: str
) -> set[tuple[str, str]]:
    """The permissions of a request of somebody whom policies bind."""
    given = {"host": "127.0.0.1:4566", **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope: dict[str, Any] = {
        "method": method,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    operation, labels = aws_actions.operation(scope, body, service)
    found = aws_actions.asks(scope, service, operation, labels, body=body, place=PLACE)
    return {(ask.action, ask.resource) for ask in found or [aws_actions.whole(service)]}


def called(service: str, target: str, given: Any, **more: Any) -> set[tuple[str, str]]:
    """The same of an operation of a JSON protocol."""
    return asked(service, body=json.dumps(given).encode(), x_amz_target=f"X.{target}", **more)


def posted(service: str, **given: str) -> set[tuple[str, str]]:
    """The same of one of the query protocol."""
    return asked(service, body=urlencode(given).encode(), content_type=FORM)


MAY, BUCKET = "arn:aws:s3:::reports/2026/may.csv", "arn:aws:s3:::reports"
TABLE = arn("dynamodb", "table/orders")
DELETE = b'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a&amp;b</Key></Object><Object><Key>c</Key></Object></Delete>'


@pytest.mark.behaviour("IAM-SERVICES")
@pytest.mark.parametrize(
    ("method", "path", "query", "needs"),
    [
        ("GET", "/", "", {("s3:ListAllMyBuckets", "*")}),
        ("GET", "/reports", "list-type=2&prefix=2026/", {("s3:ListBucket", BUCKET)}),
        ("GET", "/reports/", "versions", {("s3:ListBucketVersions", BUCKET)}),
        ("HEAD", "/reports", "", {("s3:ListBucket", BUCKET)}),
        ("PUT", "/reports", "", {("s3:CreateBucket", BUCKET)}),
        ("GET", "/reports", "location", {("s3:GetBucketLocation", BUCKET)}),
        ("PUT", "/reports", "policy", {("s3:PutBucketPolicy", BUCKET)}),
        ("DELETE", "/reports", "policy", {("s3:DeleteBucketPolicy", BUCKET)}),
        ("DELETE", "/reports", "cors", {("s3:PutBucketCORS", BUCKET)}),
        ("PUT", "/reports", "encryption", {("s3:PutEncryptionConfiguration", BUCKET)}),
        ("GET", "/reports/2026/may.csv", "", {("s3:GetObject", MAY)}),
        ("GET", "/reports/2026%2Fmay.csv", "", {("s3:GetObject", MAY)}),
        ("GET", "/reports/2026/may.csv", "versionId=1", {("s3:GetObjectVersion", MAY)}),
        ("GET", "/reports/2026/may.csv", "acl&tagging", {("s3:GetObjectAcl", MAY), ("s3:GetObjectTagging", MAY)}),
        ("PUT", "/reports/2026/may.csv", "partNumber=1&uploadId=2", {("s3:PutObject", MAY)}),
        ("DELETE", "/reports/2026/may.csv", "uploadId=2", {("s3:AbortMultipartUpload", MAY)}),
        ("DELETE", "/reports/2026/may.csv", "", {("s3:DeleteObject", MAY)}),
        ("PATCH", "/reports/2026/may.csv", "", {("s3:*", MAY)}),
        ("GET", "//reports/2026/may.csv", "", {("s3:GetObject", "*")}),
        ("GET", "/v20180820/configuration/bucket/reports", "", {("s3:*", "*")}),
    ],
)  # fmt: skip
def test_s3(method: str, path: str, query: str, needs: set[tuple[str, str]]) -> None:
    assert asked("s3", method, path, query) == needs


@pytest.mark.behaviour("IAM-SERVICES")
def test_s3_by_headers_and_bodies() -> None:
    copied = asked("s3", "PUT", "/reports/new", x_amz_copy_source="/private/a%20b?versionId=1")
    assert copied == {("s3:PutObject", f"{BUCKET}/new"), ("s3:GetObject", "arn:aws:s3:::private/a b")}
    keys = {("s3:DeleteObject", f"{BUCKET}/a&b"), ("s3:DeleteObject", f"{BUCKET}/c")}
    assert asked("s3", "POST", "/reports", "delete", DELETE) == keys
    assert asked("s3", "POST", "/reports", "delete", b"<Delete") == {("s3:DeleteObject", f"{BUCKET}/*")}
    assert asked("s3", "GET", "/allowed/x", host="secret.s3.amazonaws.com") == {("s3:GetObject", "*")}


@pytest.mark.behaviour("IAM-SERVICES")
@pytest.mark.parametrize(
    ("service", "operation", "given", "needs"),
    [
        ("dynamodb", "GetItem", {"TableName": "orders"}, {("dynamodb:GetItem", TABLE)}),
        ("dynamodb", "Query", {"TableName": "orders", "IndexName": "day"}, {("dynamodb:Query", f"{TABLE}/index/day")}),
        ("dynamodb", "GetItem", {"TableName": TABLE}, {("dynamodb:GetItem", TABLE)}),
        ("dynamodb", "ListTables", {}, {("dynamodb:ListTables", "*")}),
        ("dynamodb", "BatchGetItem", {"RequestItems": {"orders": {}, "a": {}}},
         {("dynamodb:BatchGetItem", TABLE), ("dynamodb:BatchGetItem", arn("dynamodb", "table/a"))}),
        ("dynamodb", "TransactWriteItems",
         {"TransactItems": [{"Put": {"TableName": "orders"}}, {"ConditionCheck": {"TableName": "a"}}]},
         {("dynamodb:PutItem", TABLE), ("dynamodb:ConditionCheckItem", arn("dynamodb", "table/a"))}),
        ("dynamodb", "TransactWriteItems", {"TransactItems": []}, {("dynamodb:*", "*")}),
        ("dynamodb", "ExecuteStatement", {"Statement": 'SELECT * FROM "orders"'}, {("dynamodb:PartiQLSelect", "*")}),
        ("sqs", "SendMessageBatch", {"QueueUrl": "http://127.0.0.1:4566/123456789012/jobs"},
         {("sqs:SendMessage", arn("sqs", "jobs"))}),
        ("secretsmanager", "GetSecretValue", {"SecretId": "db"}, {("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:db-000000"))}),
        ("logs", "PutLogEvents", {"logGroupName": "/a", "logStreamName": "s"},
         {("logs:PutLogEvents", arn("logs", "log-group:/a:log-stream:s"))}),
        ("logs", "CreateLogGroup", {"logGroupName": "/a"}, {("logs:CreateLogGroup", arn("logs", "log-group:/a:*"))}),
        ("ssm", "GetParameters", {"Names": ["/a/b", "c"]},
         {("ssm:GetParameters", arn("ssm", "parameter/a/b")), ("ssm:GetParameters", arn("ssm", "parameter/c"))}),
        ("states", "StartExecution", {"stateMachineArn": arn("states", "stateMachine:x")},
         {("states:StartExecution", arn("states", "stateMachine:x"))}),
        ("monitoring", "PutMetricData", {}, {("cloudwatch:PutMetricData", "*")}),
    ],
)  # fmt: skip
def test_json(service: str, operation: str, given: Any, needs: set[tuple[str, str]]) -> None:
    assert called(service, operation, given) == needs


@pytest.mark.behaviour("IAM-SERVICES")
def test_other_protocols() -> None:
    topic = arn("sns", "news")
    assert posted("sns", Action="PublishBatch", TopicArn=topic) == {("sns:Publish", topic)}
    stopped = posted("ec2", **{"Action": "StopInstances", "InstanceId.1": "i-1", "InstanceId.2": "i-2"})
    assert stopped == {("ec2:StopInstances", arn("ec2", f"instance/i-{number}")) for number in (1, 2)}
    function = asked("lambda", "GET", "/2015-03-31/functions/tools")
    assert function == {("lambda:GetFunction", arn("lambda", "function:tools"))}
    rest = asked("apigateway", "GET", "/restapis/a/stages")
    assert rest == {("apigateway:GET", "arn:aws:apigateway:us-east-1::/restapis/a/stages")}
    assert asked("monitoring", path="/service/X/operation/ListMetrics") == {("cloudwatch:ListMetrics", "*")}


@pytest.mark.behaviour("IAM-SERVICES")
def test_what_can_be_read_in_two_ways_is_for_who_may_do_everything_there() -> None:
    assert called("sqs", "ListQueues", {}, query="Action=DeleteQueue") == {("sqs:*", "*")}
    assert asked("lambda", "GET", "/2015-03-31/functions/tools", "Action=ListFunctions") == {
        ("lambda:GetFunction", arn("lambda", "function:tools"))
    }
    assert asked("lambda", "GET", "/nowhere", "Action=ListFunctions") == {("lambda:*", "*")}
    assert called("sqs", "ListQueues", {}, action="DeleteQueue") == {("sqs:*", "*")}
    hidden = asked("sqs", body=b"%41ction=DeleteQueue", x_amz_target="AmazonSQS.ListQueues")
    assert hidden == {("sqs:*", "*")}
    form = "multipart/form-data; boundary=B"
    assert called("sqs", "ListQueues", {}, content_type=form) == {("sqs:*", "*")}
    topic = f"Action=Publish&TopicArn={arn('sns', 'a')}"
    assert posted("sns", Action="Publish") == {("sns:Publish", "*")}
    twice = asked("sns", body=f"{topic}&TopicArn={arn('sns', 'b')}".encode(), content_type=FORM)
    assert twice == {("sns:Publish", "*")}
    both = asked("sns", query=topic, body=json.dumps({"TopicArn": arn("sns", "b")}).encode())
    assert both == {("sns:Publish", "*")}
    assert asked("unheard-of") == {("unheard-of:*", "*")}
