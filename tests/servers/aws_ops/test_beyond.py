"""A write question is answered with what it would take, and not done."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import ServiceError
from skerry.servers.aws_ops import beyond
from skerry.servers.aws_ops.registry import Registry, find
from skerry.settings import AwsOpsSettings

TOOLS = {tool.name.removesuffix("_read_operations"): tool for tool in find()}
REGISTRY = Registry(AwsOpsSettings())  # never reaches AWS: no operation of it runs here


def refused(tool, **arguments):
    with pytest.raises(ServiceError) as caught:
        REGISTRY.call(f"{tool}_read_operations", arguments)
    return caught.value


@pytest.mark.behaviour("OPS-WRITES")
@pytest.mark.parametrize(
    ("tool", "operation", "call", "permission", "command"),
    [
        ("ec2", "terminate_instance", "ec2:TerminateInstances", "ec2:TerminateInstances", "ec2 terminate-instances --instance-ids INSTANCE_IDS"),
        ("ec2", "TerminateInstances", "ec2:TerminateInstances", "ec2:TerminateInstances", "ec2 terminate-instances --instance-ids INSTANCE_IDS"),
        ("ec2", "kill-instances", "ec2:TerminateInstances", "ec2:TerminateInstances", "ec2 terminate-instances --instance-ids INSTANCE_IDS"),
        ("ec2", "launch_instance", "ec2:RunInstances", "ec2:RunInstances", "ec2 run-instances --max-count MAX_COUNT --min-count MIN_COUNT"),
        ("ec2", "resize_volume", "ec2:ModifyVolume", "ec2:ModifyVolume", "ec2 modify-volume --volume-id VOLUME_ID"),
        ("ec2", "create_tags", "ec2:CreateTags", "ec2:CreateTags", """ec2 create-tags --resources RESOURCES --tags '[{"Key": "KEY"}]'"""),
        ("s3", "make_bucket", "s3:CreateBucket", "s3:CreateBucket", "s3api create-bucket --bucket BUCKET"),
        ("s3", "delete_objects", "s3:DeleteObjects", "s3:DeleteObject", """s3api delete-objects --bucket BUCKET --delete '{"Objects": [{"Key": "KEY"}]}'"""),
    ],
)  # fmt: skip
def test_a_write_names_call_permission_and_command_line(tool, operation, call, permission, command):
    error = refused(tool, operation=operation)
    assert (error.name, error.status) == ("ReadOnlyException", 403)
    assert error.members["needed"] == {"call": call, "permission": permission, "command": f"aws {command}"}
    assert str(error).startswith("These tools only read, so nothing was done.")
    assert f"aws {command}" in str(error)


@pytest.mark.behaviour("OPS-WRITES")
def test_what_is_known_stands_in_the_command_line():
    error = refused("ec2", operation="stop_instances", instance_id="i-1, i-2", region="eu-west-1")
    assert error.members["needed"]["command"] == (
        "aws ec2 stop-instances --instance-ids i-1 i-2 --region eu-west-1"
    )


@pytest.mark.behaviour("OPS-WRITES")
@pytest.mark.parametrize("value", ["b'; rm -rf / #", "$(id)", "`id`", "a b", "x\ny", "&& id", "é"])
def test_a_value_in_the_command_line_is_one_word_for_the_shell(value):
    command = refused("s3", operation="delete_bucket", bucket=value).members["needed"]["command"]
    assert shlex.split(command) == ["aws", "s3api", "delete-bucket", "--bucket", value]


def test_a_value_is_never_an_option_of_the_command_line():
    command = refused("s3", operation="delete_bucket", bucket="--profile=admin").members["needed"]["command"]
    assert command == "aws s3api delete-bucket --bucket BUCKET"
    command = refused("ec2", operation="stop_instances", region="x --profile y").members["needed"]["command"]
    assert command == "aws ec2 stop-instances --instance-ids INSTANCE_IDS"


@pytest.mark.behaviour("OPS-WRITES")
@pytest.mark.parametrize("operation", ["empty_bucket", "delete_everything", "start", "destroy"])
def test_a_write_that_is_no_single_call_is_still_only_said(operation):
    error = refused("s3", operation=operation)
    assert error.name == "ReadOnlyException"
    assert "would change something" in str(error)
    assert "needed" not in error.members


@pytest.mark.behaviour("OPS-REFUSED")
@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("get_password_data", "ec2:GetPasswordData hands out a secret"),
        ("get_secret_value", "secretsmanager:GetSecretValue hands out a secret"),
        ("AssumeRole", "sts:AssumeRole hands out AWS credentials"),
        ("get_object", "s3:GetObject hands out contents"),
        ("generate_presigned_url", "generate_presigned_url hands out a link"),
        ("get-token", "get_token hands out a login"),
    ],
)
def test_a_read_that_hands_out_secrets_is_refused_in_a_sentence(operation, call):
    error = refused("ec2", operation=operation)
    assert error.name == "ReadOnlyException"
    assert str(error).startswith(call)


@pytest.mark.parametrize("operation", ["list_instance", "describe_instanze", "nothing", "running", "x"])
def test_a_misspelt_read_is_left_to_the_check_of_arguments(operation):
    assert refused("ec2", operation=operation).name == "ValidationException"


@pytest.mark.parametrize(
    "tool", [tool for tool in TOOLS.values() if hasattr(tool, "operations")], ids=lambda t: t.name
)
def test_no_operation_of_a_tool_is_taken_for_a_write(tool):
    for item in tool.operations:
        assert beyond.refusal(tool, {"operation": item.name}) is None


@pytest.mark.parametrize(
    "tool", [tool for tool in TOOLS.values() if hasattr(tool, "operations")], ids=lambda t: t.name
)
def test_every_writing_call_of_the_services_is_answered(tool):
    """From botocore's models, so that a new call is known with a new botocore."""
    for service, api in beyond._writes(tool):
        error = beyond.refusal(tool, {"operation": api})
        if error is not None and "needed" in error.members:
            assert error.members["needed"]["call"].endswith(f":{api}"), (service, api)
            assert shlex.split(error.members["needed"]["command"])[0] == "aws"


@given(
    st.one_of(
        st.none(),
        st.text(),
        st.dictionaries(st.text(), st.text()),
        st.dictionaries(st.just("operation"), st.text()),
    )
)
def test_whatever_is_asked_is_refused_or_left_alone(arguments):
    error = beyond.refusal(TOOLS["s3"], arguments)
    assert error is None or error.name == "ReadOnlyException"
