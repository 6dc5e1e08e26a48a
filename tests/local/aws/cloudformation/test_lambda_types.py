"""Function URLs and permissions of stacks at a whole endpoint in a process of its own, with unmodified boto3."""

from __future__ import annotations

import json
import time

import httpx2
import pytest
from botocore.exceptions import ClientError

from skerry.auth.aws import sigv4
from tests.kit.iam import ACCOUNT, allow, role, trust, user
from tests.kit.local_endpoint import REGION, endpoint_process

CODE = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'hello'}\n"
ORIGIN = {"Origin": "https://page.example"}


@pytest.fixture(scope="module")
def lambdas(running):
    return running.client("lambda")


@pytest.fixture(scope="module")
def execution(running):
    return role(running.client("iam"), "execution", trust({"Service": "lambda.amazonaws.com"}))


@pytest.fixture
def template(execution, name):
    def made(*, url=None, permissions=(), **more):
        resources = {
            "F": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "FunctionName": name,
                    "Runtime": "python3.13",
                    "Handler": "index.handler",
                    "Role": execution,
                    "Code": {"ZipFile": CODE},
                },
            },
            **more,
        }
        outputs = {}
        if url is not None:
            target = {"TargetFunctionArn": {"Fn::GetAtt": ["F", "Arn"]}}
            resources["U"] = {"Type": "AWS::Lambda::Url", "Properties": {**target, **url}}
            outputs = {
                "Url": {"Value": {"Fn::GetAtt": ["U", "FunctionUrl"]}},
                "Arn": {"Value": {"Fn::GetAtt": "U.FunctionArn"}},
                "Ref": {"Value": {"Ref": "U"}},
            }
        for number, one in enumerate(permissions):
            properties = {"FunctionName": {"Fn::GetAtt": ["F", "Arn"]}, **one}
            resources[f"P{number}"] = {"Type": "AWS::Lambda::Permission", "Properties": properties}
        return json.dumps({"Resources": resources, "Outputs": outputs})

    return made


def status(cloud, name):
    return cloud.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]


def outputs(cloud, name):
    found = cloud.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])
    return {one["OutputKey"]: one["OutputValue"] for one in found}


def reason(cloud, name, logical):
    events = cloud.describe_stack_events(StackName=name)["StackEvents"]
    return next(
        one["ResourceStatusReason"]
        for one in events
        if one["LogicalResourceId"] == logical and one["ResourceStatus"].endswith("_FAILED")
    )


def visit(url, credentials=None, **headers):
    if credentials is not None:
        headers |= sigv4.sign(
            "GET",
            url,
            headers,
            b"",
            credentials=credentials,
            region=REGION,
            service="lambda",
            now=time.time(),
        )
    with httpx2.Client(trust_env=False, timeout=30) as http:
        return http.get(url, headers=headers)


@pytest.mark.behaviour("CFN-FUNCTION-URL")
def test_the_life_of_a_function_url(cloud, lambdas, template, name):
    cors = {"AllowOrigins": ["https://page.example"], "MaxAge": "60"}
    cloud.create_stack(StackName=name, TemplateBody=template(url={"AuthType": "NONE", "Cors": cors}))
    assert status(cloud, name) == "CREATE_COMPLETE"
    told = lambdas.get_function_url_config(FunctionName=name)
    assert (told["AuthType"], told["Cors"]["MaxAge"], told["InvokeMode"]) == ("NONE", 60, "BUFFERED")
    found = outputs(cloud, name)
    assert found == {"Url": told["FunctionUrl"], "Arn": told["FunctionArn"], "Ref": told["FunctionArn"]}
    answered = visit(found["Url"], **ORIGIN)
    assert (answered.status_code, answered.text) == (200, "hello")
    assert answered.headers["access-control-allow-origin"] == "https://page.example"
    streaming = template(url={"AuthType": "AWS_IAM", "InvokeMode": "RESPONSE_STREAM"})
    cloud.update_stack(StackName=name, TemplateBody=streaming)
    assert status(cloud, name) == "UPDATE_COMPLETE"
    told = lambdas.get_function_url_config(FunctionName=name)
    assert (told["AuthType"], told["InvokeMode"]) == ("AWS_IAM", "RESPONSE_STREAM")
    assert not any(told["Cors"].values())
    assert outputs(cloud, name) == found
    cloud.update_stack(StackName=name, TemplateBody=template())
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        lambdas.get_function_url_config(FunctionName=name)
    cloud.delete_stack(StackName=name)
    assert name not in [one["FunctionName"] for one in lambdas.list_functions()["Functions"]]


@pytest.mark.behaviour("CFN-FUNCTION-URL")
@pytest.mark.parametrize(
    ("url", "told"),
    [
        ({"AuthType": "NONE", "Qualifier": "live"}, "Function not found"),
        ({"AuthType": "OPEN"}, "Properties validation failed for resource U with message: #/AuthType"),
        ({"AuthType": "NONE", "Typo": 1}, "#: extraneous key [Typo] is not permitted"),
    ],
)
def test_a_url_that_cannot_be_made_takes_its_stack_along(cloud, lambdas, template, name, url, told):
    cloud.create_stack(StackName=name, TemplateBody=template(url=url))
    assert status(cloud, name) == "ROLLBACK_COMPLETE"
    assert told in reason(cloud, name, "U")
    assert name not in [one["FunctionName"] for one in lambdas.list_functions()["Functions"]]
    cloud.delete_stack(StackName=name)


@pytest.mark.behaviour("CFN-FUNCTION-URL")
def test_an_update_that_fails_brings_the_url_back(cloud, lambdas, template, name):
    cloud.create_stack(StackName=name, TemplateBody=template(url={"AuthType": "AWS_IAM"}))
    before = outputs(cloud, name)
    broken = {"Type": "AWS::SSM::Parameter", "Properties": {"Name": name, "Type": "String",
             "Value": "{{resolve:ssm:nobody}}"}, "DependsOn": "U"}  # fmt: skip
    cloud.update_stack(StackName=name, TemplateBody=template(url={"AuthType": "NONE"}, Q=broken))
    assert status(cloud, name) == "UPDATE_ROLLBACK_COMPLETE"
    assert lambdas.get_function_url_config(FunctionName=name)["AuthType"] == "AWS_IAM"
    assert outputs(cloud, name) == before
    cloud.delete_stack(StackName=name)


@pytest.mark.behaviour("CFN-PERMISSION")
def test_permissions_let_in_by_the_url_alone(running, cloud, lambdas, template, name):
    visitor = user(running.client("iam"), name)
    principal = f"arn:aws:iam::{ACCOUNT}:user/{name}"
    by_url = {"Action": "lambda:InvokeFunctionUrl", "Principal": principal, "FunctionUrlAuthType": "AWS_IAM"}
    then = {"Action": "lambda:InvokeFunction", "Principal": principal, "InvokedViaFunctionUrl": True}
    url = {"AuthType": "AWS_IAM"}
    cloud.create_stack(StackName=name, TemplateBody=template(url=url, permissions=[by_url]))
    assert status(cloud, name) == "CREATE_COMPLETE"
    where = outputs(cloud, name)["Url"]
    assert visit(where, visitor).status_code == 403  # one of the two actions is not enough
    cloud.update_stack(StackName=name, TemplateBody=template(url=url, permissions=[by_url, then]))
    assert visit(where, visitor).text == "hello"
    own = running.client("lambda", visitor)
    with pytest.raises(ClientError, match="AccessDeniedException"):
        own.invoke(FunctionName=name)
    (statement,) = [
        one
        for one in json.loads(lambdas.get_policy(FunctionName=name)["Policy"])["Statement"]
        if one["Action"] == by_url["Action"]
    ]
    assert statement["Condition"] == {"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}}
    other = {**by_url, "FunctionUrlAuthType": "NONE"}
    cloud.update_stack(StackName=name, TemplateBody=template(url=url, permissions=[other, then]))
    assert visit(where, visitor).status_code == 403
    cloud.update_stack(StackName=name, TemplateBody=template(url=url))
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        lambdas.get_policy(FunctionName=name)
    cloud.delete_stack(StackName=name)


@pytest.mark.behaviour("CFN-FUNCTION-URL")
def test_a_url_is_made_as_who_acts(running, cloud, template, name):
    maker = user(running.client("iam"), name, allow(["cloudformation:*", "lambda:*"]))
    running.client("cloudformation", maker).create_stack(
        StackName=name, TemplateBody=template(url={"AuthType": "NONE"})
    )
    assert status(cloud, name) == "CREATE_COMPLETE"
    hops = [json.loads(line) for line in (running.state / "hops.jsonl").read_text().splitlines()]
    made = [one for one in hops if one["operation"] == "CreateFunctionUrlConfig" and one["target"] == name]
    assert [one["identity"] for one in made] == [f"arn:aws:iam::{ACCOUNT}:user/{name}"]
    cloud.delete_stack(StackName=name)


@pytest.mark.behaviour("CFN-PERMISSION")
def test_a_permission_of_a_seed_has_its_conditions(tmp_path):
    """Seeds are moto's: what it leaves beside the condition counts all the same."""
    function = {"FunctionName": "seeded", "Runtime": "python3.13", "Handler": "index.handler",
                "Role": {"Fn::GetAtt": ["R", "Arn"]}, "Code": {"ZipFile": CODE}}  # fmt: skip
    taken = {"AssumeRolePolicyDocument": json.loads(trust({"Service": "lambda.amazonaws.com"}))}
    permission = {"FunctionName": {"Ref": "F"}, "Action": "lambda:InvokeFunction", "Principal": "*",
                  "InvokedViaFunctionUrl": True, "SourceAccount": ACCOUNT}  # fmt: skip
    text = json.dumps(
        {
            "Resources": {
                "R": {"Type": "AWS::IAM::Role", "Properties": taken},
                "F": {"Type": "AWS::Lambda::Function", "Properties": function},
                "P": {"Type": "AWS::Lambda::Permission", "Properties": permission},
            }
        }
    )
    seed = tmp_path / "seeds.toml"
    seed.write_text(
        '[[call]]\nservice = "cloudformation"\noperation = "CreateStack"\n[call.parameters]\n'
        f"StackName = \"s\"\nTemplateBody = '''{text}'''\n"
    )
    with endpoint_process(tmp_path / "state", seeds=(seed,)) as running:
        found = running.client("lambda").get_policy(FunctionName="seeded")
        (statement,) = json.loads(found["Policy"])["Statement"]
        assert statement["Condition"] == {
            "Bool": {"lambda:InvokedViaFunctionUrl": True},
            "StringEquals": {"AWS:SourceAccount": ACCOUNT},
        }


def test_a_seed_says_that_nobody_makes_a_url_for_it(tmp_path):
    url = {"TargetFunctionArn": "nobody", "AuthType": "NONE"}
    text = json.dumps({"Resources": {"U": {"Type": "AWS::Lambda::Url", "Properties": url}}})
    seed = tmp_path / "seeds.toml"
    seed.write_text(
        '[[call]]\nservice = "cloudformation"\noperation = "CreateStack"\n[call.parameters]\n'
        f"StackName = \"s\"\nTemplateBody = '''{text}'''\n"
    )
    with endpoint_process(tmp_path / "state", seeds=(seed,)) as running:
        assert running.client("lambda").list_functions()["Functions"] == []
    logs = "".join(path.read_text() for path in (tmp_path / "state" / "logs").iterdir())
    assert "seed cloudformation CreateStack" in logs
