"""Which permissions requests to the embedded cloud need: a table of requests as they are on the wire."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from skerry.local.iam import actions
from skerry.local.ports.permissions import Ask
from tests.kit.iam import ACCOUNT

PLACE = ("us-east-1", ACCOUNT)
FORM = "application/x-www-form-urlencoded"


def arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:us-east-1:{ACCOUNT}:{rest}"


def asked(
    service: str, method: str = "POST", path: str = "/", query: str = "", body: bytes = b"", **headers: str
) -> set[tuple[str, str]]:
    """The permissions of a request of somebody whom policies bind; a vague resource begins with `~`."""
    given = {"host": "127.0.0.1:4566", **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope: dict[str, Any] = {
        "method": method,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    found = needed(service, scope, body)
    return {(ask.action, f"{'~' * ask.vague}{ask.resource}") for ask in found}


def needed(service: str, scope: dict[str, Any], body: bytes) -> list[Ask]:
    """The permissions that the plane asks for."""
    operation, labels = actions.operation(scope, body, service)
    members = actions.members(service, operation)
    found = actions.asks(scope, service, operation, labels, body=body, place=PLACE, members=members)
    return found or [actions.whole(service)]


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
        ("PATCH", "/reports/2026/may.csv", "", {("s3:*", f"~{MAY}")}),
        ("GET", "//reports/2026/may.csv", "", {("s3:GetObject", "~arn:aws:s3:::*")}),
        ("GET", "/v20180820/configuration/bucket/reports", "", {("s3:*", "~*")}),
    ],
)  # fmt: skip
def test_s3(method: str, path: str, query: str, needs: set[tuple[str, str]]) -> None:
    assert asked("s3", method, path, query) == needs


@pytest.mark.behaviour("IAM-SERVICES")
def test_s3_by_headers_and_bodies() -> None:
    copied = asked("s3", "PUT", "/reports/new", x_amz_copy_source="/private/a%20b?versionId=1")
    assert copied == {("s3:PutObject", f"{BUCKET}/new"), ("s3:GetObjectVersion", "arn:aws:s3:::private/a b")}
    keys = {("s3:DeleteObject", f"{BUCKET}/a&b"), ("s3:DeleteObject", f"{BUCKET}/c")}
    assert asked("s3", "POST", "/reports", "delete", DELETE) == keys
    assert asked("s3", "POST", "/reports", "delete", b"<Delete") == {("s3:DeleteObject", f"~{BUCKET}/*")}
    assert asked("s3", "GET", "/x", host="secret.s3.amazonaws.com") == {
        ("s3:GetObject", "~arn:aws:s3:::*"),
        ("s3:ListBucket", "~arn:aws:s3:::*"),
    }
    assert asked("s3", "GET", "/allowed/x", host="secret.s3.amazonaws.com") == {
        ("s3:GetObject", "~arn:aws:s3:::*")
    }


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
        ("dynamodb", "TransactWriteItems", {"TransactItems": []}, {("dynamodb:*", "~*")}),
        ("dynamodb", "ExecuteStatement", {"Statement": 'SELECT * FROM "orders"'}, {("dynamodb:PartiQLSelect", "~*")}),
        ("sqs", "SendMessageBatch", {"QueueUrl": "http://127.0.0.1:4566/123456789012/jobs"},
         {("sqs:SendMessage", arn("sqs", "jobs"))}),
        ("secretsmanager", "GetSecretValue", {"SecretId": "db"}, {("secretsmanager:GetSecretValue", "~" + arn("secretsmanager", "secret:db-??????"))}),
        ("logs", "PutLogEvents", {"logGroupName": "/a", "logStreamName": "s"},
         {("logs:PutLogEvents", arn("logs", "log-group:/a:log-stream:s"))}),
        ("logs", "CreateLogGroup", {"logGroupName": "/a"}, {("logs:CreateLogGroup", arn("logs", "log-group:/a:*"))}),
        ("ssm", "GetParameters", {"Names": ["/a/b", "c"]},
         {("ssm:GetParameters", arn("ssm", "parameter/a/b")), ("ssm:GetParameters", arn("ssm", "parameter/c"))}),
        ("states", "StartExecution", {"stateMachineArn": arn("states", "stateMachine:x")},
         {("states:StartExecution", arn("states", "stateMachine:x"))}),
        ("monitoring", "PutMetricData", {}, {("cloudwatch:PutMetricData", "~*")}),
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
    assert asked("monitoring", path="/service/X/operation/ListMetrics") == {("cloudwatch:ListMetrics", "~*")}


@pytest.mark.behaviour("IAM-SERVICES")
def test_what_can_be_read_in_two_ways_is_for_who_may_do_everything_there() -> None:
    assert called("sqs", "ListQueues", {}, query="Action=DeleteQueue") == {("sqs:*", "~*")}
    assert asked("lambda", "GET", "/2015-03-31/functions/tools", "Action=ListFunctions") == {
        ("lambda:GetFunction", arn("lambda", "function:tools"))
    }
    assert asked("lambda", "GET", "/nowhere", "Action=ListFunctions") == {("lambda:*", "~*")}
    assert called("sqs", "ListQueues", {}, action="DeleteQueue") == {("sqs:*", "~*")}
    hidden = asked("sqs", body=b"%41ction=DeleteQueue", x_amz_target="AmazonSQS.ListQueues")
    assert hidden == {("sqs:*", "~*")}
    form = "multipart/form-data; boundary=B"
    assert called("sqs", "ListQueues", {}, content_type=form) == {("sqs:*", "~*")}
    topic = f"Action=Publish&TopicArn={arn('sns', 'a')}"
    assert posted("sns", Action="Publish") == {("sns:Publish", "*")}
    assert asked("sqs", path="/1/jobs", body=b"Action=ReceiveMessage") == {("sqs:ReceiveMessage", "~*")}
    assert called("dynamodb", "ListTables", {"unknown": 1}) == {("dynamodb:ListTables", "~*")}
    twice = asked("sns", body=f"{topic}&TopicArn={arn('sns', 'b')}".encode(), content_type=FORM)
    assert twice == {("sns:Publish", "~*")}
    both = asked("sns", query=topic, body=json.dumps({"TopicArn": arn("sns", "b")}).encode())
    assert both == {("sns:Publish", "~*")}
    assert asked("unheard-of") == {("unheard-of:*", "~*")}


OTHER, HIDDEN = {"TableName": "open"}, arn("dynamodb", "table/hidden")


@pytest.mark.behaviour("IAM-OPERATION-PARAMETERS")
@pytest.mark.parametrize(
    ("service", "operation", "given", "needs"),
    [
        ("dynamodb", "GetItem", {"TransactItems": [{"Get": OTHER}], "TableName": "hidden"},
         {("dynamodb:GetItem", HIDDEN)}),
        ("dynamodb", "GetItem", {"TableName": "hidden", "IndexName": "x"}, {("dynamodb:GetItem", HIDDEN)}),
        ("dynamodb", "BatchGetItem", {**OTHER, "RequestItems": {"hidden": {}}}, {("dynamodb:BatchGetItem", HIDDEN)}),
        ("dynamodb", "TransactGetItems", {"TransactItems": [{"Get": {"TableName": "hidden", "RequestItems": {"open": {}}}}]},
         {("dynamodb:GetItem", HIDDEN)}),
        ("dynamodb", "ExecuteTransaction", {"TransactStatements": [{"Statement": "DELETE FROM hidden"}]},
         {("dynamodb:PartiQLDelete", "~*")}),
        ("dynamodb", "GetItem", {"TableName": HIDDEN.replace("us-east-1", "eu-west-1")}, {("dynamodb:GetItem", "~*")}),
        ("dynamodb", "GetItem", {"TableName": ["hidden"]}, {("dynamodb:GetItem", HIDDEN)}),
        ("dynamodb", "GetItem", {"TableName": 1}, {("dynamodb:GetItem", "~*")}),
        ("dynamodb", "getitem", {"TableName": "hidden"}, {("dynamodb:*", "~*")}),
        ("ssm", "GetParameters", {"Name": "open", "Names": ["hidden"]},
         {("ssm:GetParameters", arn("ssm", "parameter/hidden"))}),
        ("sqs", "GetQueueUrl", {"QueueUrl": "http://127.0.0.1/1/open", "QueueName": "hidden"},
         {("sqs:GetQueueUrl", arn("sqs", "hidden"))}),
        ("states", "StartExecution", {"stateMachineArn": arn("states", "stateMachine:x"), "name": "open"},
         {("states:StartExecution", arn("states", "stateMachine:x"))}),
        ("states", "DescribeExecution", {"stateMachineArn": arn("states", "stateMachine:x"), "executionArn": arn("states", "execution:y:z")},
         {("states:DescribeExecution", arn("states", "execution:y:z"))}),
        ("kms", "Decrypt", {"KeyId": "alias/hidden"}, {("kms:Decrypt", "~" + arn("kms", "key/*"))}),
        ("kms", "Decrypt", {"CiphertextBlob": "YQ=="}, {("kms:Decrypt", "~*")}),
        ("dynamodb", "ListTables", {"Limit": 5}, {("dynamodb:ListTables", "*")}),
    ],
)  # fmt: skip
def test_only_parameters_of_the_operation_say_what_it_is_about(
    service: str, operation: str, given: Any, needs: set[tuple[str, str]]
) -> None:
    assert called(service, operation, given) == needs


@pytest.mark.behaviour("IAM-OPERATION-PARAMETERS")
def test_every_parameter_that_names_something_counts() -> None:
    one, two = arn("sns", "one"), arn("sns", "two")
    both = posted("sns", Action="Publish", TopicArn=one, TargetArn=two)
    assert both == {("sns:Publish", one), ("sns:Publish", two)}
    attached = posted("ec2", Action="AttachVolume", InstanceId="i-1", VolumeId="vol-1")
    assert attached == {("ec2:AttachVolume", arn("ec2", rest)) for rest in ("instance/i-1", "volume/vol-1")}


@pytest.mark.behaviour("IAM-OPERATION-PARAMETERS")
def test_what_a_request_to_s3_does_besides() -> None:
    put, get = ("s3:PutObject", MAY), "arn:aws:s3:::hidden/x"
    path = "/reports/2026/may.csv"
    assert asked("s3", "PUT", path, x_amz_acl="public-read") == {put, ("s3:PutObjectAcl", MAY)}
    assert asked("s3", "PUT", path, x_amz_tagging="a=b") == {put, ("s3:PutObjectTagging", MAY)}
    assert asked("s3", "PUT", path, x_amz_grant_read="id=1") == {put, ("s3:PutObjectAcl", MAY)}
    assert asked("s3", "PUT", path, "partNumber=1&uploadId=2", x_amz_copy_source="hidden/x") == {
        put,
        ("s3:GetObject", get),
    }
    for source in ("http://h/hidden/x", "//h/hidden/x"):
        copied = asked("s3", "PUT", path, x_amz_copy_source=source)
        assert copied == {put, ("s3:GetObject", "~arn:aws:s3:::*")}
    assert asked("s3", "PUT", path, x_amz_copy_source="hidden%2Fx;a=b") == {put, ("s3:GetObject", get)}
    assert asked("s3", "POST", path, "select&select-type=2") == {("s3:GetObject", MAY)}
    assert asked("s3", "PUT", "/reports", "inventory&id=1") == {("s3:PutInventoryConfiguration", BUCKET)}
    assert asked("s3", "POST", "/reports", content_type="multipart/form-data; boundary=B") == {
        ("s3:*", f"~{BUCKET}"),
        ("s3:PutObject", f"~{BUCKET}/*"),
    }
    spaced = DELETE.replace(b"<Key>c<", b"<Key> c <")
    assert asked("s3", "POST", "/reports", "delete", spaced) == {("s3:DeleteObject", f"~{BUCKET}/*")}
