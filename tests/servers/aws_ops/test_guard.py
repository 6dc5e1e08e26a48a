"""Read-only twice over: the lists of operations, and the guard below every client."""

import pytest

from skerry.errors import RemoteError, ServiceError
from skerry.servers.aws_ops.cloud import Cloud, Guard
from skerry.servers.aws_ops.registry import Registry
from skerry.settings import AwsOpsSettings


@pytest.mark.behaviour("OPS-READ-ONLY")
@pytest.mark.parametrize(
    ("service", "method", "members"),
    [
        ("ec2", "terminate_instances", {"InstanceIds": ["i-0123456789abcdef0"]}),
        ("ec2", "get_password_data", {"InstanceId": "i-0123456789abcdef0"}),
        ("s3", "delete_bucket", {"Bucket": "plain"}),
        ("s3", "get_object", {"Bucket": "reports", "Key": "2026/0.csv"}),
        ("sts", "assume_role", {"RoleArn": "arn:aws:iam::123456789012:role/x", "RoleSessionName": "xx"}),
        ("iam", "create_access_key", {}),
        ("iam", "generate_credential_report", {}),
        ("lambda", "get_function", {"FunctionName": "orders"}),
        ("lambda", "invoke", {"FunctionName": "orders"}),
        ("sqs", "receive_message", {"QueueUrl": "http://127.0.0.1/1/jobs"}),
        ("sqs", "purge_queue", {"QueueUrl": "http://127.0.0.1/1/jobs"}),
        ("rds", "download_db_log_file_portion", {"DBInstanceIdentifier": "orders", "LogFileName": "x"}),
        ("logs", "delete_log_group", {"logGroupName": "/x"}),
        ("cloudformation", "delete_stack", {"StackName": "shop"}),
    ],
)
def test_a_call_that_no_tool_lists_is_refused_before_it_is_sent(registry, service, method, members):
    client = registry.cloud.client(service, "us-east-1")
    with pytest.raises(RemoteError, match=r"is not among the read operations|none of these tools makes it"):
        getattr(client, method)(**members)


@pytest.mark.behaviour("OPS-READ-ONLY")
def test_the_refused_calls_changed_nothing(registry, s3):
    test_a_call_that_no_tool_lists_is_refused_before_it_is_sent(
        registry, "s3", "delete_bucket", {"Bucket": "plain"}
    )
    assert "plain" in [item["name"] for item in s3(operation="list_buckets")["items"]]


def test_every_listed_call_exists(registry):
    for service, name in frozenset().union(*(tool.calls() for tool in registry.tools.values())):
        client = registry.cloud.client(service, "us-east-1")
        assert name in client.meta.service_model.operation_names, (service, name)


def test_the_guard_alone():
    class Service:
        service_name = "ec2"

    class Model:
        service_model = Service()
        name = "DescribeInstances"

    Guard(frozenset({("ec2", "DescribeInstances")}))(model=Model(), params={})
    with pytest.raises(RemoteError, match="ec2:DescribeInstances"):
        Guard(frozenset({("rds", "DescribeInstances")}))(model=Model())


def test_clients_are_made_late_and_once(estate):
    cloud = Cloud(AwsOpsSettings.from_env(estate.environment), frozenset())
    assert cloud.client("ec2", "us-east-1") is cloud.client("ec2", "us-east-1")
    assert cloud.client("ec2", "us-east-1") is not cloud.client("ec2", "eu-west-1")


def test_a_profile_must_be_allowed_by_the_settings(ec2, estate, tmp_path, monkeypatch):
    with pytest.raises(ServiceError, match="'profile' is not one that this server was told to allow"):
        ec2(operation="list_instances", profile="admin")
    file = tmp_path / "credentials"
    file.write_text("[admin]\naws_access_key_id = a\naws_secret_access_key = b\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    environment = {**estate.environment, "SKERRY_AWS_OPS_PROFILES": "admin, gone"}
    allowed = Registry(AwsOpsSettings.from_env(environment))
    call = {"operation": "list_key_pairs", "profile": "admin"}
    assert allowed.call("ec2_read_operations", call)["count"] == 1
    with pytest.raises(RemoteError, match="names a profile that does not exist"):
        allowed.call("ec2_read_operations", {**call, "profile": "gone"})


@pytest.mark.behaviour("OPS-READ-ONLY")
def test_credentials_may_come_from_an_assumed_role_although_no_tool_may_assume_one(
    estate, tmp_path, monkeypatch
):
    file = tmp_path / "config"
    file.write_text(
        "[profile base]\naws_access_key_id = a\naws_secret_access_key = b\n"
        "[profile role]\nsource_profile = base\nrole_arn = arn:aws:iam::123456789012:role/reader\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    environment = {**estate.environment, "SKERRY_AWS_OPS_PROFILES": "role"}
    registry = Registry(AwsOpsSettings.from_env(environment))
    call = {"operation": "list_key_pairs", "profile": "role"}
    assert registry.call("ec2_read_operations", call)["count"] == 1
