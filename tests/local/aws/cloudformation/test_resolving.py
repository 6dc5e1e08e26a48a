"""Dynamic references in stacks at a whole endpoint in a process of its own, with unmodified boto3."""

from __future__ import annotations

import json

import pytest

from tests.kit.iam import allow, role, trust, user
from tests.kit.local_endpoint import endpoint_process

PROVIDER = "AWS::BedrockAgentCore::ApiKeyCredentialProvider"
VALUE = "a-value-that-nobody-may-see"


@pytest.fixture(scope="module")
def secrets(running):
    return running.client("secretsmanager")


def reference(rest):
    return f"{{{{resolve:{rest}}}}}"


def parameter(name, value):
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Name": name, "Type": "String", "Value": value}}


def provider(name, key):
    return {"Type": PROVIDER, "Properties": {"Name": name, "ApiKey": key}}


def body(**resources):
    return json.dumps({"Resources": resources, "Outputs": {"Names": {"Value": ",".join(resources)}}})


def status(cloud, name):
    return cloud.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]


def shown(cloud, name):
    """Everything that CloudFormation tells of a stack."""
    told = [
        cloud.describe_stacks(StackName=name)["Stacks"],
        cloud.describe_stack_events(StackName=name)["StackEvents"],
        cloud.describe_stack_resources(StackName=name)["StackResources"],
        cloud.get_template(StackName=name)["TemplateBody"],
    ]
    return json.dumps(told, default=str)


def reason(cloud, name, logical):
    events = cloud.describe_stack_events(StackName=name)["StackEvents"]
    return next(
        one["ResourceStatusReason"]
        for one in events
        if one["LogicalResourceId"] == logical and one["ResourceStatus"].endswith("_FAILED")
    )


@pytest.fixture
def value(running):
    """What a parameter of the embedded cloud has."""
    ssm = running.client("ssm")
    return lambda name: ssm.get_parameter(Name=name)["Parameter"]["Value"]


@pytest.fixture
def key(running, name):
    """The key that an API key provider gives to a workload."""
    running.client("bedrock-agentcore-control").create_workload_identity(name=f"{name}-reader")
    data = running.client("bedrock-agentcore")

    def read(name):
        token = data.get_workload_access_token(workloadName=f"{name}-reader")["workloadAccessToken"]
        return data.get_resource_api_key(workloadIdentityToken=token, resourceCredentialProviderName=name)[
            "apiKey"
        ]

    return read


@pytest.mark.behaviour("CFN-REFERENCES")
def test_references_become_values_in_resources_and_nowhere_else(running, cloud, secrets, value, name):
    document = json.dumps({"user": "me", "password": VALUE})
    made = secrets.create_secret(Name=f"{name}/pets", SecretString=document)
    ssm = running.client("ssm")
    for text in ("one", "two"):
        ssm.put_parameter(Name=f"/{name}/plain", Value=text, Type="String", Overwrite=True)
    texts = {
        "Whole": (reference(f"secretsmanager:{name}/pets"), document),
        "Arn": (reference(f"secretsmanager:{made['ARN']}:SecretString:password::{made['VersionId']}"), VALUE),
        "First": (reference(f"ssm:/{name}/plain:1"), "one"),
        "Several": (
            f"{reference(f'secretsmanager:{name}/pets:SecretString:user')}@{reference(f'ssm:/{name}/plain')}!",
            "me@two!",
        ),
    }  # fmt: skip
    resources = {one: parameter(f"/{name}/{one}", text) for one, (text, _) in texts.items()}
    resources["Given"] = parameter(f"/{name}/given", {"Fn::Sub": "<{{resolve:ssm:${Which}}}>"})
    template = {
        "Parameters": {"Which": {"Type": "String", "Default": f"/{name}/plain:1"}},
        "Resources": resources,
        "Outputs": {"Text": {"Value": texts["Arn"][0]}},
    }
    cloud.create_stack(StackName=name, TemplateBody=json.dumps(template))
    assert status(cloud, name) == "CREATE_COMPLETE"
    for one, (_, wanted) in texts.items():
        assert value(f"/{name}/{one}") == wanted
    assert value(f"/{name}/given") == "<one>"
    assert VALUE not in shown(cloud, name)
    (output,) = cloud.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
    assert output["OutputValue"] == texts["Arn"][0]
    cloud.delete_stack(StackName=name)


@pytest.mark.behaviour("CFN-REFERENCES")
def test_a_provider_has_the_secret_and_reads_it_again_with_its_next_change(cloud, secrets, value, key, name):
    secrets.create_secret(Name=name, SecretString="first-key")
    text = reference(f"secretsmanager:{name}")

    def resources(**tags):
        made = provider(name, text)
        made["Properties"] |= (
            {"Tags": [{"Key": one, "Value": what} for one, what in tags.items()]} if tags else {}
        )
        return {"P": made, "Q": parameter(f"/{name}/q", text)}

    cloud.create_stack(StackName=name, TemplateBody=body(**resources()))
    assert status(cloud, name) == "CREATE_COMPLETE"
    assert (key(name), value(f"/{name}/q")) == ("first-key", "first-key")
    secrets.put_secret_value(SecretId=name, SecretString="second-key")
    more = parameter(f"/{name}/more", "m")
    cloud.update_stack(StackName=name, TemplateBody=body(**resources(), More=more))
    assert status(cloud, name) == "UPDATE_COMPLETE"
    assert (key(name), value(f"/{name}/q")) == ("first-key", "first-key")  # the text is the same
    cloud.update_stack(StackName=name, TemplateBody=body(**resources(a="b"), More=more))
    assert (key(name), value(f"/{name}/q")) == ("second-key", "first-key")
    assert "first-key" not in shown(cloud, name)
    assert "second-key" not in shown(cloud, name)
    cloud.delete_stack(StackName=name)


@pytest.mark.behaviour("CFN-REFERENCES-FAIL")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{resolve:secretsmanager:nobody}}", "Secrets Manager can't find the specified secret"),
        (
            "{{resolve:secretsmanager:NAME:SecretString:other}}",
            "Could not find a value associated with JSONKey",
        ),
        ("{{resolve:ssm:nobody}}", "Parameters: [ssm:nobody] cannot be found."),
        ("{{resolve:ssm:a:b}}", "Incorrect format is used in the following SSM reference"),
        ("{{resolve:ssm-secure:nobody:1}}", "SSM Secure reference is not supported in: ["),
    ],
)
@pytest.mark.parametrize("make", [provider, parameter])
def test_what_cannot_be_read_fails_its_resource(cloud, secrets, name, make, text, told):
    secrets.create_secret(Name=name, SecretString=json.dumps({"password": VALUE}))
    cloud.create_stack(StackName=name, TemplateBody=body(R=make(name, text.replace("NAME", name))))
    assert status(cloud, name) == "ROLLBACK_COMPLETE"
    assert told in reason(cloud, name, "R")
    assert VALUE not in shown(cloud, name)
    cloud.delete_stack(StackName=name)


@pytest.mark.behaviour("CFN-REFERENCES-HIDDEN")
def test_a_value_that_is_refused_is_not_in_the_reason(cloud, secrets, name):
    secrets.create_secret(Name=name, SecretString=VALUE)
    gateway = {"Name": name, "RoleArn": "arn:aws:iam::123456789012:role/desk"}
    gateway["AuthorizerType"] = reference(f"secretsmanager:{name}")
    made = {"Type": "AWS::BedrockAgentCore::Gateway", "Properties": gateway}
    cloud.create_stack(StackName=name, TemplateBody=body(G=made))
    assert status(cloud, name) == "ROLLBACK_COMPLETE"
    assert f"'{reference(f'secretsmanager:{name}')}' is not a valid enum value" in reason(cloud, name, "G")
    assert VALUE not in shown(cloud, name)
    cloud.delete_stack(StackName=name)


@pytest.mark.behaviour("CFN-REFERENCES-PRINCIPAL")
@pytest.mark.parametrize("as_role", [False, True])
def test_who_acts_needs_to_read_the_secret(running, cloud, secrets, name, as_role):
    iam = running.client("iam")
    secrets.create_secret(Name=name, SecretString=VALUE)
    text = body(Q=parameter(f"/{name}/q", reference(f"secretsmanager:{name}")))
    may = [allow("cloudformation:*"), allow("ssm:*"), allow("iam:PassRole")]
    given = {"StackName": name, "TemplateBody": text}
    maker = cloud
    if as_role:
        service = trust({"Service": "cloudformation.amazonaws.com"})
        given["RoleARN"] = role(iam, name, service, allow("ssm:*"))
        told = f"assumed-role/{name}/AWSCloudFormation"
    else:
        maker = running.client("cloudformation", user(iam, name, *may))
        told = f"user/{name}"
    maker.create_stack(**given)
    assert status(cloud, name) == "ROLLBACK_COMPLETE"
    assert f"{told} is not authorized to perform: secretsmanager:GetSecretValue" in reason(cloud, name, "Q")
    cloud.delete_stack(StackName=name)
    reading = json.dumps(
        {"Version": "2012-10-17", "Statement": [*may, allow("secretsmanager:GetSecretValue")]}
    )
    if as_role:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=reading)
    else:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=reading)
    maker.create_stack(**given)
    assert status(cloud, name) == "CREATE_COMPLETE"
    cloud.delete_stack(StackName=name)


@pytest.mark.behaviour("CFN-REFERENCES-SECURE")
def test_a_password_of_a_user_may_be_a_secure_string(running, cloud, name):
    running.client("ssm").put_parameter(Name=name, Value=VALUE, Type="SecureString")
    profile = {"Password": reference(f"ssm-secure:{name}:1")}
    made = {"Type": "AWS::IAM::User", "Properties": {"UserName": name, "LoginProfile": profile}}
    cloud.create_stack(StackName=name, TemplateBody=body(U=made))
    assert status(cloud, name) == "CREATE_COMPLETE"
    assert VALUE not in shown(cloud, name)
    cloud.delete_stack(StackName=name)


@pytest.mark.behaviour("CFN-REFERENCES-SECURE")
def test_a_stack_in_a_stack_reads_where_it_uses_it(running, cloud, secrets, value, name):
    s3 = running.client("s3")
    s3.create_bucket(Bucket=name)
    secrets.create_secret(Name=name, SecretString=VALUE)
    inner = {
        "Parameters": {"P": {"Type": "String"}},
        "Resources": {"Q": parameter(f"/{name}/q", {"Ref": "P"})},
    }
    s3.put_object(Bucket=name, Key="inner", Body=json.dumps(inner))
    given = {"P": reference(f"secretsmanager:{name}")}
    nested = {"TemplateURL": f"https://s3.amazonaws.com/{name}/inner", "Parameters": given}
    cloud.create_stack(
        StackName=name, TemplateBody=body(N={"Type": "AWS::CloudFormation::Stack", "Properties": nested})
    )
    assert status(cloud, name) == "CREATE_COMPLETE"
    assert value(f"/{name}/q") == VALUE
    for stack in cloud.describe_stacks()["Stacks"]:
        assert VALUE not in shown(cloud, stack["StackName"])
    cloud.delete_stack(StackName=name)


@pytest.mark.behaviour("CFN-REFERENCES")
def test_an_update_that_fails_goes_back_to_the_references(cloud, secrets, value, key, name):
    secrets.create_secret(Name=name, SecretString="the-key")
    text = reference(f"secretsmanager:{name}")
    cloud.create_stack(
        StackName=name, TemplateBody=body(P=provider(name, text), Q=parameter(f"/{name}/q", text))
    )
    broken = {**parameter(f"/{name}/r", "{{resolve:ssm:nobody}}"), "DependsOn": ["P", "Q"]}
    changed = {"P": provider(name, f"new-{text}"), "Q": parameter(f"/{name}/q", f"new-{text}"), "R": broken}
    cloud.update_stack(StackName=name, TemplateBody=body(**changed))
    assert status(cloud, name) == "UPDATE_ROLLBACK_COMPLETE"
    assert (key(name), value(f"/{name}/q")) == ("the-key", "the-key")
    assert "the-key" not in shown(cloud, name)
    cloud.delete_stack(StackName=name)


def test_a_seed_says_that_nobody_reads_secrets_for_it(tmp_path):
    seed = tmp_path / "seeds.toml"
    text = body(Q=parameter("/q", "{{resolve:ssm:x}}"))
    seed.write_text(
        '[[call]]\nservice = "cloudformation"\noperation = "CreateStack"\n[call.parameters]\n'
        f"StackName = \"s\"\nTemplateBody = '''{text}'''\n"
    )
    with endpoint_process(tmp_path / "state", seeds=(seed,)) as running:
        assert running.client("ssm").describe_parameters()["Parameters"] == []
