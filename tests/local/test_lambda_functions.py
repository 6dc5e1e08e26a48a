"""Functions made with unmodified boto3 at a whole endpoint: run, guarded by IAM, and called by a gateway."""

from __future__ import annotations

import io
import json
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from botocore.exceptions import ClientError

from skerry.auth.aws.sigv4 import Credentials
from tests.kit.iam import ACCOUNT, allow, deny, role, taken, trust, user
from tests.kit.lambda_code import returning, zipped
from tests.kit.local_endpoint import REGION, Running, client, endpoint_process

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no functions on Windows")

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
LAMBDA = {"Service": "lambda.amazonaws.com"}
ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
WHO = zipped(
    app="""
import boto3

def handler(event, context):
    return boto3.client("sts").get_caller_identity()["Arn"]
"""
)
ANSWERS = zipped(
    app="""
def handler(event, context):
    return {"tool": context.client_context.custom["bedrockAgentCoreToolName"], "event": event}
"""
)
TEMPLATE = {
    "Resources": {
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": "stacked",
                "Runtime": "python3.12",
                "Handler": "index.handler",
                "Role": f"arn:aws:iam::{ACCOUNT}:role/executes",
                "Code": {"ZipFile": "def handler(event, context): return 'of the stack'"},
            },
        },
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "DependsOn": "Function",
            "Properties": {
                "FunctionName": "stacked",
                "Action": "lambda:InvokeFunction",
                "Principal": "events.amazonaws.com",
            },
        },
    }
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with endpoint_process(tmp_path_factory.mktemp("lambda")) as endpoint:
        role(endpoint.client("iam"), "executes", trust(LAMBDA), allow("s3:*"))
        yield endpoint


@pytest.fixture(scope="module")
def own(running: Running) -> Any:
    return running.client("lambda")


def make(client: Any, name: str, code: Any, **members: Any) -> Any:
    source = {"ZipFile": code} if isinstance(code, bytes) else code
    executes = f"arn:aws:iam::{ACCOUNT}:role/executes"
    given = {"Runtime": "python3.12", "Handler": "app.handler", "Role": executes, "Timeout": 20, **members}
    return client.create_function(FunctionName=name, Code=source, **given)


def invoke(client: Any, name: str, event: Any = None, **options: Any) -> Any:
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event).encode(), **options)
    assert "FunctionError" not in answer, answer["Payload"].read()
    return json.loads(answer["Payload"].read())


def refusal(call: Callable[..., Any], **parameters: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer: Any = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


DENIED = ("AccessDeniedException", 403)


@pytest.mark.behaviour("FN-DEPLOYED")
@pytest.mark.behaviour("FN-DEPLOYED-CHANGED")
def test_a_function_runs_as_its_role_until_it_is_deleted(running: Running, own: Any) -> None:
    made = make(own, "who", WHO)
    assert made["FunctionArn"] == f"{ARN}who"
    own.get_waiter("function_active_v2").wait(FunctionName="who")
    assert invoke(own, "who") == f"arn:aws:sts::{ACCOUNT}:assumed-role/executes/who"
    own.update_function_code(FunctionName="who", ZipFile=returning("new"))
    assert invoke(own, "who") == "new"
    own.update_function_configuration(FunctionName="who", Handler="app.nothing")
    assert own.invoke(FunctionName="who")["FunctionError"] == "Unhandled"
    own.delete_function(FunctionName="who")
    assert refusal(own.invoke, FunctionName="who") == ("ResourceNotFoundException", 404)


@pytest.mark.behaviour("FN-DEPLOYED")
def test_code_from_a_bucket(running: Running, own: Any) -> None:
    s3 = running.client("s3")
    s3.create_bucket(Bucket="packages")
    s3.put_object(Bucket="packages", Key="a/code.zip", Body=returning("from S3"))
    make(own, "stored", {"S3Bucket": "packages", "S3Key": "a/code.zip"})
    assert invoke(own, "stored") == "from S3"
    for missing in (
        {"S3Bucket": "packages", "S3Key": "none"},
        {"S3Bucket": "no-such-packages", "S3Key": "a"},
    ):
        wrong = refusal(make, client=own, name="missing", code=missing)
        assert wrong == ("InvalidParameterValueException", 400)
    wrong = refusal(own.update_function_code, FunctionName="stored", S3Bucket="packages", S3Key="none")
    assert wrong == ("InvalidParameterValueException", 400)
    assert invoke(own, "stored") == "from S3"


@pytest.mark.behaviour("FN-DEPLOYED-NODE")
@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node on this machine")
def test_a_function_for_node(own: Any) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("app.mjs", "export const handler = async (event) => ({ node: event });")
    make(own, "node", data.getvalue(), Runtime="nodejs22.x")
    assert invoke(own, "node", 7) == {"node": 7}


@pytest.mark.behaviour("FN-DEPLOYED-VERSIONS")
def test_versions_and_aliases(own: Any) -> None:
    make(own, "versions", returning("one"), Publish=True)
    own.update_function_code(FunctionName="versions", ZipFile=returning("two"))
    own.create_alias(FunctionName="versions", Name="live", FunctionVersion="1")
    assert [invoke(own, "versions", Qualifier=name) for name in ("$LATEST", "1", "live")] == [
        "two",
        "one",
        "one",
    ]
    own.publish_version(FunctionName="versions")
    own.update_alias(FunctionName="versions", Name="live", FunctionVersion="2")
    assert invoke(own, f"{ARN}versions:live") == "two"
    assert refusal(own.invoke, FunctionName="versions", Qualifier="9") == ("ResourceNotFoundException", 404)


@pytest.mark.behaviour("FN-DEPLOYED")
@pytest.mark.behaviour("FN-DEPLOYED-PERMISSION")
def test_a_function_of_a_cloudformation_stack(running: Running, own: Any) -> None:
    stacks = running.client("cloudformation")
    stacks.create_stack(StackName="s", TemplateBody=json.dumps(TEMPLATE))
    assert invoke(own, "stacked") == "of the stack"
    (statement,) = json.loads(own.get_policy(FunctionName="stacked")["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    changed = json.dumps(TEMPLATE).replace("'of the stack'", "'of its update'")
    stacks.update_stack(StackName="s", TemplateBody=changed)
    assert invoke(own, "stacked") == "of its update"
    stacks.delete_stack(StackName="s")
    assert refusal(own.invoke, FunctionName="stacked") == ("ResourceNotFoundException", 404)


@pytest.mark.behaviour("FN-DEPLOYED-PERMISSION")
def test_who_may_invoke_is_for_policies_to_say(running: Running, own: Any) -> None:
    iam = running.client("iam")
    make(own, "guarded", returning(1), Publish=True)
    nobody = running.client("lambda", user(iam, "nobody", allow("s3:*")))
    some = running.client("lambda", user(iam, "some", allow("lambda:InvokeFunction", f"{ARN}guarded")))
    one = running.client("lambda", user(iam, "one", allow("lambda:InvokeFunction", f"{ARN}guarded:1")))
    call = {"FunctionName": "guarded"}
    assert refusal(nobody.invoke, **call) == DENIED
    assert invoke(some, "guarded") == invoke(some, "guarded", Qualifier="$LATEST") == 1
    assert refusal(some.invoke, **call, Qualifier="1") == DENIED
    assert refusal(one.invoke, **call) == DENIED
    assert invoke(one, "guarded", Qualifier="1") == 1
    assert refusal(nobody.invoke, FunctionName="nowhere") == DENIED  # whether it is there is not told
    principal = f"arn:aws:iam::{ACCOUNT}:user/nobody"
    own.add_permission(StatementId="n", Action="lambda:InvokeFunction", Principal=principal, **call)
    assert invoke(nobody, "guarded") == 1
    own.remove_permission(StatementId="n", **call)
    assert refusal(nobody.invoke, **call) == DENIED


@pytest.mark.behaviour("FN-DEPLOYED-PERMISSION")
def test_who_changes_the_policy_needs_to_be_allowed(running: Running, own: Any) -> None:
    make(own, "closed", returning(1))
    meddler = running.client("lambda", user(running.client("iam"), "meddler", allow("lambda:InvokeFunction")))
    given = {"FunctionName": "closed", "StatementId": "s", "Action": "lambda:*", "Principal": ACCOUNT}
    assert refusal(meddler.add_permission, **given) == DENIED
    assert refusal(meddler.get_policy, FunctionName="closed") == DENIED
    assert refusal(meddler.create_function_url_config, FunctionName="closed", AuthType="NONE") == DENIED


@pytest.mark.behaviour("FN-DEPLOYED-ROLE")
def test_who_makes_a_function_passes_its_role(running: Running) -> None:
    iam = running.client("iam")
    maker = user(
        iam,
        "maker",
        allow("lambda:*"),
        allow("iam:PassRole", "*"),
        deny("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/strong"),
    )
    lambdas = running.client("lambda", maker)
    strong = role(iam, "strong", trust(LAMBDA), allow("*"))
    assert refusal(make, client=lambdas, name="taken", code=returning(1), Role=strong) == DENIED
    make(lambdas, "taken", returning(1))
    change = {"FunctionName": "taken", "Role": strong}
    assert refusal(lambdas.update_function_configuration, **change) == DENIED
    other = role(iam, "others", trust({"Service": "ec2.amazonaws.com"}))
    wrong = ("InvalidParameterValueException", 400)
    assert refusal(make, client=lambdas, name="other", code=returning(1), Role=other) == wrong


@pytest.mark.behaviour("FN-DEPLOYED-URL")
def test_a_function_url(running: Running, own: Any) -> None:
    make(own, "visited", returning({"statusCode": 201, "body": "hello"}))
    url = own.create_function_url_config(FunctionName="visited", AuthType="NONE")["FunctionUrl"]
    with httpx2.Client(trust_env=False) as http:
        answer = http.get(url)
        assert (answer.status_code, answer.text) == (201, "hello")
        own.delete_function(FunctionName="visited")
        assert http.get(url).status_code == 403


@pytest.mark.behaviour("FN-DEPLOYED-GATEWAY")
def test_a_gateway_calls_a_function_with_its_own_role(running: Running, own: Any) -> None:
    iam, control = running.client("iam"), running.client("bedrock-agentcore-control")
    make(own, "tool", ANSWERS)
    gateway_role = role(iam, "gateway", trust({"Service": "bedrock-agentcore.amazonaws.com"}), allow("s3:*"))
    gateway = control.create_gateway(name="tools", roleArn=gateway_role, authorizerType="AWS_IAM")
    shape = {"type": "object", "properties": {"city": {"type": "string"}}}
    tool = {"name": "weather", "description": "The weather.", "inputSchema": shape}
    lambdas = {"lambdaArn": f"{ARN}tool", "toolSchema": {"inlinePayload": [tool]}}
    control.create_gateway_target(
        gatewayIdentifier=gateway["gatewayId"],
        name="made",
        targetConfiguration={"mcp": {"lambda": lambdas}},
        credentialProviderConfigurations=[{"credentialProviderType": "GATEWAY_IAM_ROLE"}],
    )
    refused = running.tool(gateway, "made___weather", {"city": "Bern"})
    assert refused["isError"] is True
    own.add_permission(
        FunctionName="tool", StatementId="g", Action="lambda:InvokeFunction", Principal=gateway_role
    )
    answer = running.tool(gateway, "made___weather", {"city": "Bern"})
    assert json.loads(answer["content"][0]["text"]) == {"tool": "made___weather", "event": {"city": "Bern"}}


@pytest.mark.behaviour("FN-DEPLOYED")
def test_a_session_of_a_role_can_make_and_run_one(running: Running) -> None:
    deployer = role(running.client("iam"), "deployer", trust(ROOT), allow(["lambda:*", "iam:PassRole"]))
    key: Credentials = taken(running.client("sts"), deployer)
    lambdas = running.client("lambda", key)
    make(lambdas, "deployed", returning("by a role"))
    assert invoke(lambdas, "deployed") == "by a role"
    assert "deployed" in [item["FunctionName"] for item in lambdas.list_functions()["Functions"]]


def test_a_function_of_another_region_is_found_there_only(running: Running, own: Any) -> None:
    make(running.client("lambda"), "near", returning("near"))
    far = client("lambda", running.url, running.developer, region="eu-west-1")
    make(far, "far", zipped(app="import os\ndef handler(event, context): return os.environ['AWS_REGION']"))
    assert invoke(far, "far") == "eu-west-1"
    assert refusal(own.invoke, FunctionName="far") == ("ResourceNotFoundException", 404)
    assert refusal(far.invoke, FunctionName="near") == ("ResourceNotFoundException", 404)
    assert "Region" in str(_error(far.create_function_url_config, FunctionName="far", AuthType="NONE"))


def _error(call: Callable[..., Any], **parameters: Any) -> ClientError:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return caught.value
