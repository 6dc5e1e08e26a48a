"""What CDK asks of a stack, by the same calls: roles to take, assets, change sets, templates in S3."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.kit.iam import ACCOUNT, role, taken, trust

NO_VALUE = {"Ref": "AWS::NoValue"}
MANAGED = "arn:aws:iam::aws:policy/"
PUBLISHER, EXECUTOR = "publishing-role", "exec-role"


def trusting(principal, *, more=NO_VALUE):
    allowed = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    return {"Version": "2012-10-17", "Statement": [allowed, {"Fn::If": ["Others", more, NO_VALUE]}]}


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action, resource="*"):
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def bootstrap(name):
    """A template with what CDK's bootstrap has: bucket and policy, roles, a version."""
    insecure = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": {"Fn::Sub": "${B.Arn}/*"},
                "Condition": {"Bool": {"aws:SecureTransport": "false"}}}  # fmt: skip
    publisher = {
        "RoleName": f"{name}-{PUBLISHER}",
        "AssumeRolePolicyDocument": trusting({"AWS": {"Ref": "AWS::AccountId"}}),
        "Policies": [{"PolicyName": "own", "PolicyDocument": policy(allow("cloudformation:*"), allow("s3:GetObject"), allow("iam:PassRole"))}],
        "ManagedPolicyArns": [f"{MANAGED}ReadOnlyAccess", {"Fn::If": ["Others", "x", NO_VALUE]}],
    }  # fmt: skip
    executor = {
        "RoleName": f"{name}-{EXECUTOR}",
        "AssumeRolePolicyDocument": trusting({"Service": "cloudformation.amazonaws.com"}),
        "ManagedPolicyArns": [f"{MANAGED}AdministratorAccess"],
    }
    put = {"PolicyName": "put", "Roles": [{"Ref": "P"}], "PolicyDocument": policy(allow("s3:PutObject", {"Fn::Sub": "${B.Arn}/*"}))}  # fmt: skip
    kinds = {
        "B": ("S3::Bucket", {"BucketName": f"{name}-assets"}),
        "BP": ("S3::BucketPolicy", {"Bucket": {"Ref": "B"}, "PolicyDocument": policy(insecure)}),
        "P": ("IAM::Role", publisher),
        "PP": ("IAM::Policy", put),
        "E": ("IAM::Role", executor),
        "V": ("SSM::Parameter", {"Type": "String", "Name": f"/{name}/version", "Value": "30"}),
    }
    return json.dumps(
        {
            "Conditions": {"Others": {"Fn::Equals": ["a", "b"]}},
            "Resources": {key: {"Type": f"AWS::{kind}", "Properties": given} for key, (kind, given) in kinds.items()},
            "Outputs": {"BootstrapVersion": {"Value": {"Fn::GetAtt": ["V", "Value"]}}, "BucketName": {"Value": {"Ref": "B"}}},
        }
    )  # fmt: skip


def deploy(cloud, name, *, kind="CREATE", change_set="cdk-deploy-change-set", **given):
    cloud.create_change_set(StackName=name, ChangeSetName=change_set, ChangeSetType=kind, **given)
    found = cloud.describe_change_set(StackName=name, ChangeSetName=change_set)
    assert "CREATE_COMPLETE" == found["Status"], found.get("StatusReason")
    cloud.execute_change_set(StackName=name, ChangeSetName=change_set)
    return cloud.describe_stacks(StackName=name)["Stacks"][0]


def refused(call, **given):
    with pytest.raises(ClientError) as caught:
        call(**given)
    return caught.value.response["Error"]


def queue(version, **properties):
    parameter = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": version}
    return json.dumps(
        {
            "Parameters": {"BootstrapVersion": parameter},
            "Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": properties}},
        }
    )


@pytest.mark.behaviour("CFN-ROLES")
@pytest.mark.behaviour("CFN-BUCKET-POLICY")
@pytest.mark.behaviour("CFN-TEMPLATE-URL")
@pytest.mark.behaviour("CFN-CHANGE-SET-NAMES")
def test_a_bootstrapped_account_takes_assets_and_deploys_with_its_roles(running, cloud, name):
    toolkit = deploy(cloud, name, TemplateBody=bootstrap(name))
    shown = {item["OutputKey"]: item["OutputValue"] for item in toolkit["Outputs"]}
    assert {"BootstrapVersion": "30", "BucketName": f"{name}-assets"} == shown
    publisher = taken(running.client("sts"), f"arn:aws:iam::{ACCOUNT}:role/{name}-{PUBLISHER}")
    own = running.client("s3", publisher)
    body = queue(f"/{name}/version")
    own.put_object(Bucket=f"{name}-assets", Key="a b.json", Body=body)  # over plain HTTP, which counts as TLS
    mine = running.client("cloudformation", publisher)
    url = f"{running.url}/{name}-assets/a%20b.json"
    executor = f"arn:aws:iam::{ACCOUNT}:role/{name}-{EXECUTOR}"
    made = deploy(mine, f"{name}-app", TemplateURL=url, RoleARN=executor)
    assert ("CREATE_COMPLETE", executor) == (made["StackStatus"], made["RoleARN"])
    missing = {"TemplateURL": f"{running.url}/{name}-assets/none", "ChangeSetName": "c", "StackName": "n"}
    assert (
        "there is no template"
        in refused(cloud.create_change_set, ChangeSetType="CREATE", **missing)["Message"]
    )
    changed = {"Parameters": [{"ParameterKey": "BootstrapVersion", "UsePreviousValue": True}]}
    mine.delete_change_set(StackName=f"{name}-app", ChangeSetName="cdk-deploy-change-set")
    after = deploy(mine, f"{name}-app", kind="UPDATE", TemplateBody=queue(f"/{name}/version", VisibilityTimeout=5), **changed)  # fmt: skip
    assert "UPDATE_COMPLETE" == after["StackStatus"]


@pytest.mark.behaviour("CFN-CHANGE-SET-NAMES")
def test_change_sets_of_one_name_belong_to_their_stacks(cloud, name):
    body = json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}})
    for stack in (f"{name}-a", f"{name}-b"):
        cloud.create_change_set(StackName=stack, ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=body)
    cloud.execute_change_set(StackName=f"{name}-a", ChangeSetName="c")
    found = {item: cloud.describe_change_set(StackName=item, ChangeSetName="c")["ExecutionStatus"] for item in (f"{name}-a", f"{name}-b")}  # fmt: skip
    assert {f"{name}-a": "EXECUTE_COMPLETE", f"{name}-b": "AVAILABLE"} == found
    told = refused(cloud.create_change_set, StackName=f"{name}-a", ChangeSetName="d", ChangeSetType="CREATE", TemplateBody=body)  # fmt: skip
    assert "already exists" in told["Message"]
    for _ in range(2):
        cloud.delete_change_set(StackName=f"{name}-b", ChangeSetName="c")
    gone = refused(cloud.describe_change_set, StackName=f"{name}-b", ChangeSetName="c")
    assert "ChangeSetNotFound" == gone["Code"]
    cloud.create_change_set(StackName=f"{name}-b", ChangeSetName="e", ChangeSetType="CREATE", TemplateBody=body)  # fmt: skip
    assert 1 == [item["StackName"] for item in cloud.describe_stacks()["Stacks"]].count(f"{name}-b")
    absent = refused(cloud.delete_change_set, StackName=f"{name}-none", ChangeSetName="c")
    assert "does not exist" in absent["Message"]


@pytest.mark.behaviour("CFN-CHANGE-SET-NAMES")
def test_a_parameter_that_systems_manager_does_not_have_is_told(cloud, name):
    told = refused(cloud.create_change_set, StackName=name, ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=queue(f"/{name}/none"))  # fmt: skip
    assert f"Unable to fetch parameters [/{name}/none]" in told["Message"]


@pytest.mark.behaviour("CFN-ROLES")
def test_an_update_brings_a_role_to_its_template(running, cloud, name):
    iam = running.client("iam")

    def body(service, policies, managed):
        own = [{"PolicyName": key, "PolicyDocument": policy(allow(key))} for key in policies]
        given = {"RoleName": name, "AssumeRolePolicyDocument": policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}),
                 "Policies": own, "ManagedPolicyArns": [MANAGED + item for item in managed]}  # fmt: skip
        return json.dumps({"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": given}}})

    cloud.create_stack(
        StackName=name, TemplateBody=body("lambda.amazonaws.com", ["s3:A"], ["ReadOnlyAccess"])
    )
    assert [allow("s3:A")] == iam.get_role_policy(RoleName=name, PolicyName="s3:A")["PolicyDocument"][
        "Statement"
    ]
    cloud.update_stack(StackName=name, TemplateBody=body("ec2.amazonaws.com", ["s3:B"], ["job-function/ViewOnlyAccess"]))  # fmt: skip
    assert ["s3:B"] == iam.list_role_policies(RoleName=name)["PolicyNames"]
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert ["ViewOnlyAccess"] == [item["PolicyName"] for item in attached]
    trusted = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
    assert {"Service": "ec2.amazonaws.com"} == trusted
    cloud.delete_stack(StackName=name)
    assert "NoSuchEntity" == refused(iam.get_role, RoleName=name)["Code"]


@pytest.mark.behaviour("CFN-BUCKET-POLICY")
def test_a_bucket_policy_comes_changes_and_goes(running, cloud, name):
    s3 = running.client("s3")
    s3.create_bucket(Bucket=name)

    def body(effect):
        statement = {"Effect": effect, "Principal": {"AWS": ACCOUNT}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}  # fmt: skip
        given = {"Bucket": name, "PolicyDocument": policy(statement)}
        return json.dumps({"Resources": {"P": {"Type": "AWS::S3::BucketPolicy", "Properties": given}}})

    cloud.create_stack(StackName=name, TemplateBody=body("Allow"))
    cloud.update_stack(StackName=name, TemplateBody=body("Deny"))
    assert "Deny" == json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"][0]["Effect"]
    cloud.delete_stack(StackName=name)
    assert "NoSuchBucketPolicy" == refused(s3.get_bucket_policy, Bucket=name)["Code"]


@pytest.mark.behaviour("CFN-NAMES")
def test_names_are_no_longer_than_services_allow(running, cloud, name):
    long = "CustomS3AutoDeleteObjectsCustomResourceProviderHandler9D90184F"
    made = {"AssumeRolePolicyDocument": trusting({"Service": "lambda.amazonaws.com"})}
    body = {"Conditions": {"Others": {"Fn::Equals": ["a", "b"]}}, "Resources": {long: {"Type": "AWS::IAM::Role", "Properties": made}}}  # fmt: skip
    cloud.create_stack(StackName=name, TemplateBody=json.dumps(body))
    (found,) = cloud.describe_stack_resources(StackName=name)["StackResources"]
    physical = found["PhysicalResourceId"]
    assert 64 == len(physical)
    assert physical.startswith(f"{name}-CustomS3AutoDelete")
    statements = running.client("iam").get_role(RoleName=physical)["Role"]["AssumeRolePolicyDocument"][
        "Statement"
    ]
    assert 1 == len(statements)  # AWS::NoValue is none
    cloud.delete_stack(StackName=name)


@pytest.mark.behaviour("IAM-AWS-POLICIES")
def test_policies_of_aws_can_be_attached_and_count(running, name):
    iam = running.client("iam")
    arn = role(iam, name, trust({"AWS": ACCOUNT}))
    mine = running.client("sqs", taken(running.client("sts"), arn))
    assert "AccessDenied" in refused(mine.list_queues)["Code"]
    iam.attach_role_policy(RoleName=name, PolicyArn=f"{MANAGED}AdministratorAccess")
    assert 200 == mine.list_queues()["ResponseMetadata"]["HTTPStatusCode"]
    listed = iam.list_policies(Scope="AWS", MaxItems=1000)["Policies"]
    assert f"{MANAGED}AmazonS3ReadOnlyAccess" in {item["Arn"] for item in listed} or len(listed) == 1000
