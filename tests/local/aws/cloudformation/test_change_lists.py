"""Change sets and stacks of moto's types alone, at a whole endpoint, with unmodified boto3."""

from __future__ import annotations

import json
import uuid

import pytest
from botocore.exceptions import ClientError


def queue(name, seconds, **members):
    properties = {"QueueName": name, "VisibilityTimeout": seconds}
    return {"Type": "AWS::SQS::Queue", "Properties": properties, **members}


@pytest.fixture
def template(name):
    return {
        "Parameters": {
            "Seconds": {"Type": "String", "Default": "5"},
            "More": {"Type": "String", "Default": "no"},
        },
        "Conditions": {"More": {"Fn::Equals": [{"Ref": "More"}, "yes"]}},
        "Resources": {
            "Q": queue(name, {"Ref": "Seconds"}),
            "Still": queue(f"{name}-still", 5),
            "Extra": queue(f"{name}-extra", 5, Condition="More"),
        },
        "Outputs": {
            "Arn": {"Value": {"Fn::GetAtt": ["Q", "Arn"]}, "Export": {"Name": f"{name}-arn"}},
            "Seconds": {"Value": {"Ref": "Seconds"}},
        },
    }


@pytest.fixture
def change(cloud, name, template):
    """Makes a change set with parameters; what it lists, as `Action LogicalId`."""

    def made(kind, **parameters):
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
        arn = cloud.create_change_set(
            StackName=name, ChangeSetName=f"c-{uuid.uuid4().hex[:8]}", ChangeSetType=kind,
            TemplateBody=json.dumps(template), Parameters=given,
        )["Id"]  # fmt: skip
        changes = cloud.describe_change_set(StackName=name, ChangeSetName=arn)["Changes"]
        listed = [one["ResourceChange"] for one in changes]
        return arn, {f"{one['Action']} {one['LogicalResourceId']}" for one in listed}

    return made


def outputs(cloud, name):
    found = cloud.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])
    return {one["OutputKey"]: one["OutputValue"] for one in found}


@pytest.mark.behaviour("CFN-CHANGES-LISTED")
@pytest.mark.behaviour("CFN-EVERY-STACK")
def test_change_sets_of_a_stack_without_agentcore(running, cloud, change, name):
    sqs = running.client("sqs")
    arn, listed = change("CREATE")
    assert listed == {"Add Q", "Add Still"}
    cloud.execute_change_set(ChangeSetName=arn)
    cloud.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    assert outputs(cloud, name) == {"Arn": queue_arn, "Seconds": "5"}
    assert queue_arn in [one["Value"] for one in cloud.list_exports()["Exports"]]

    arn, listed = change("UPDATE", Seconds="9")
    assert listed == {"Modify Q"}
    cloud.execute_change_set(ChangeSetName=arn)
    cloud.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    timeout = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    assert timeout == {"VisibilityTimeout": "9"}
    assert outputs(cloud, name)["Seconds"] == "9"

    arn, listed = change("UPDATE", Seconds="9", More="yes")
    assert listed == {"Add Extra"}
    cloud.execute_change_set(ChangeSetName=arn)
    cloud.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    assert change("UPDATE", Seconds="9")[1] == {"Remove Extra"}
    arn, listed = change("UPDATE", Seconds="9", More="yes")
    assert listed == set()
    assert cloud.describe_change_set(StackName=name, ChangeSetName=arn)["Status"] == "FAILED"
    cloud.delete_stack(StackName=name)
    with pytest.raises(ClientError, match="NonExistentQueue"):
        sqs.get_queue_url(QueueName=name)


@pytest.mark.behaviour("CFN-EVERY-STACK")
def test_a_stack_without_agentcore_goes_back_when_a_resource_fails(running, cloud, name):
    role = "arn:aws:iam::123456789012:role/nobody"
    function = {"FunctionName": name, "Role": role, "Code": {"ZipFile": "x"}, "Handler": "index.x",
                "Runtime": "python3.13"}  # fmt: skip
    broken = {"Type": "AWS::Lambda::Function", "Properties": function, "DependsOn": "Q"}
    text = json.dumps({"Resources": {"Q": queue(name, 5), "F": broken}})
    cloud.create_stack(StackName=name, TemplateBody=text)
    events = cloud.describe_stack_events(StackName=name)["StackEvents"][::-1]
    told = [(one["LogicalResourceId"], one["ResourceStatus"]) for one in events]
    assert ("Q", "CREATE_COMPLETE") in told
    assert told[-3:] == [("Q", "DELETE_IN_PROGRESS"), ("Q", "DELETE_COMPLETE"), (name, "ROLLBACK_COMPLETE")]
    (reason,) = [one["ResourceStatusReason"] for one in events if one["ResourceStatus"] == "CREATE_FAILED"]
    assert "role" in reason
    with pytest.raises(ClientError, match="NonExistentQueue"):
        running.client("sqs").get_queue_url(QueueName=name)
    cloud.delete_stack(StackName=name)
