"""CloudFormation gives nobody what its own permissions do not: stacks that would make somebody an administrator."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.kit.iam import ACCOUNT, allow, deny, document, role, taken, trust, user
from tests.kit.local_endpoint import endpoint_process

EVERYTHING = json.loads(document(allow("*")))
MINE = {"PolicyName": "cfn", "Users": ["eve"], "PolicyDocument": EVERYTHING}
POLICY = {"Type": "AWS::IAM::Policy", "Properties": MINE}
BUCKET = {"Type": "AWS::S3::Bucket"}
CLOUDFORMATION = {"Service": "cloudformation.amazonaws.com"}


def template(**resources):
    return json.dumps({"Resources": resources})


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with endpoint_process(tmp_path_factory.mktemp("stacks")) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def eve(running):
    """May call CloudFormation, S3 and pass two roles, and may nothing in IAM."""
    iam = running.client("iam")
    roles = [f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("maker", "stranger", "app-missing")]
    running.client("ssm").put_parameter(Name="hidden", Value="x", Type="String")
    running.client("s3").create_bucket(Bucket="templates")
    running.client("s3").put_object(Bucket="templates", Key="t", Body=template(P=POLICY))
    return user(
        iam, "eve", allow(["cloudformation:*", "s3:*"]), allow("iam:PassRole", roles), deny("s3:*", "arn:aws:s3:::x")
    )  # fmt: skip


def refused(call, **given):
    with pytest.raises(ClientError) as caught:
        call(**given)
    return caught.value.response["Error"]["Message"]


@pytest.mark.behaviour("IAM-STACKS")
def test_a_stack_makes_nobody_an_administrator(running, eve):
    iam, own = running.client("iam"), running.client("cloudformation")
    key = user(iam, "guest", allow("s3:ListBucket"))
    make = running.client("cloudformation", key).create_stack
    assert "cloudformation:CreateStack" in refused(make, StackName="a", TemplateBody=template(P=POLICY))
    cloud = running.client("cloudformation", eve)
    escaped = template(P=POLICY).replace("IAM", "I\\u0041M")
    short = 'Resources:\n  P:\n    Type: !!str "AWS::\\x49AM::Policy"\n    Properties: ' + json.dumps(MINE)
    for body in (template(P=POLICY), template(B=BUCKET, P=POLICY), escaped, short):
        assert "perform: iam:*" in refused(cloud.create_stack, StackName="a", TemplateBody=body)
    nested = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "https://s3/templates/t"}}
    for body in (template(N=nested), "Resources: [", "Resources: 1"):
        assert "perform: *" in refused(cloud.create_stack, StackName="a", TemplateBody=body)
    url = "https://s3.amazonaws.com/templates/t"
    assert "s3:GetObject" in refused(cloud.create_stack, StackName="a", TemplateURL=url)
    read = json.loads(template())
    read["Parameters"] = {"P": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "hidden"}}
    assert "perform: ssm:*" in refused(cloud.create_stack, StackName="a", TemplateBody=json.dumps(read))
    own.create_stack(StackName="known", TemplateBody=template(B=BUCKET))
    assert "iam:*" in refused(cloud.update_stack, StackName="known", TemplateBody=template(P=POLICY))
    cloud.create_change_set(StackName="later", ChangeSetName="s", ChangeSetType="CREATE", TemplateBody=template(P=POLICY))  # fmt: skip
    assert "iam:*" in refused(cloud.execute_change_set, StackName="later", ChangeSetName="s")
    own.create_stack(
        StackName="kept",
        TemplateBody=template(U={"Type": "AWS::IAM::User", "Properties": {"UserName": "kept"}}),
    )
    assert "iam:*" in refused(cloud.delete_stack, StackName="kept")
    assert iam.list_user_policies(UserName="eve")["PolicyNames"] == ["own"]
    assert [item["StackName"] for item in own.describe_stacks()["Stacks"] if item["StackName"] == "a"] == []


@pytest.mark.behaviour("IAM-STACKS")
def test_a_stack_of_what_one_may_is_made_and_goes(running, eve):
    iam = running.client("iam")
    key = user(iam, "builder", allow(["cloudformation:*", "s3:*"]))
    cloud = running.client("cloudformation", key)
    assert "perform: s3:*" in refused(
        running.client("cloudformation", eve).create_stack, StackName="own", TemplateBody=template(B=BUCKET)
    )  # which one statement denies a part of
    cloud.create_stack(StackName="own", TemplateBody=template(B=BUCKET))
    cloud.delete_stack(StackName="own")
    admin = user(iam, "chief", allow("*"))
    running.client("cloudformation", admin).create_stack(StackName="all", TemplateBody=template(B=BUCKET))


@pytest.mark.behaviour("IAM-STACKS")
def test_a_service_role_makes_what_it_may(running, eve):
    iam = running.client("iam")
    maker = role(iam, "maker", trust(CLOUDFORMATION), allow("s3:*"))
    stranger = role(iam, "stranger", trust({"Service": "lambda.amazonaws.com"}), allow("*"))
    make = running.client("cloudformation", eve).create_stack
    make(StackName="by-role", TemplateBody=template(B=BUCKET), RoleARN=maker)
    given = {"StackName": "b", "TemplateBody": template(P=POLICY)}
    assert "assumed-role/maker" in refused(make, **given, RoleARN=maker)
    assert "cannot be assumed" in refused(make, **given, RoleARN=stranger)
    for name in ("app-missing", "other"):
        assert "iam:PassRole" in refused(make, **given, RoleARN=f"arn:aws:iam::{ACCOUNT}:role/{name}")
    assert taken(running.client("sts"), role(iam, "free", trust({"AWS": ACCOUNT})))


@pytest.mark.behaviour("IAM-TEMPLATES-ARE-DATA")
def test_a_template_runs_no_program(running, tmp_path):
    cloud = running.client("cloudformation")
    for tag, argument in (
        ("os.mkdir", f"['{tmp_path / 'a'}']"),
        ("os.system", f"['mkdir {tmp_path / 'b'}']"),
    ):
        body = f"Resources:\n  B:\n    Type: !!python/object/apply:{tag} {argument}\n"
        for call in (cloud.create_stack, cloud.get_template_summary, cloud.validate_template):
            with pytest.raises(ClientError):
                call(TemplateBody=body, **({"StackName": "run"} if call == cloud.create_stack else {}))
    assert list(tmp_path.iterdir()) == []
    made = "Parameters:\n  N: {Type: String, Default: yaml-bucket}\nResources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketName: !Sub '${N}-own'\n"
    cloud.create_stack(StackName="yaml", TemplateBody=made)
    assert "yaml-bucket-own" in [item["Name"] for item in running.client("s3").list_buckets()["Buckets"]]
