"""The example template on a real stack: made, used over MCP, changed, rolled back and deleted."""

from __future__ import annotations

import io
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import boto3
import httpx2
import pytest
from botocore.config import Config

from skerry.auth.aws import sigv4
from skerry.auth.aws.sigv4 import Credentials
from tests.journeys.running import Running, up

NAME, BUCKET = "weather", "weather-code"


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    folder = tmp_path_factory.mktemp("team")
    (folder / "skerry.toml").write_text("")
    with up(folder) as running:
        yield running


@pytest.fixture(scope="module")
def values(team: Running):
    return team.environment()


@pytest.fixture(scope="module")
def client(values):
    def make(service):
        return boto3.client(
            service,
            region_name=values["AWS_REGION"],
            endpoint_url=values["AWS_ENDPOINT_URL"],
            aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}),
        )

    return make


def call(url, values, method, **params):
    body = httpx2.Request(
        "POST", url, json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    ).content
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    keys = Credentials(values["AWS_ACCESS_KEY_ID"], values["AWS_SECRET_ACCESS_KEY"])
    scope = {"credentials": keys, "region": "us-east-1", "service": "bedrock-agentcore"}
    signed = sigv4.sign("POST", url, headers, body, **scope, now=time.time())
    with httpx2.Client(trust_env=False, timeout=60) as http:
        return http.post(url, content=body, headers=headers | signed).json()["result"]


def described(cloud):
    stack = cloud.describe_stacks(StackName=NAME)["Stacks"][0]
    return stack["StackStatus"], {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}


def zipped(folder: Path) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.write(folder / "main.py", "main.py")
    return data.getvalue()


@pytest.mark.behaviour("CFN-EXAMPLE")
def test_cfn_lint_has_nothing_against_the_example(examples: Path):
    template = examples / "cloudformation" / "template.yaml"
    done = subprocess.run(
        [sys.executable, "-c", "from cfnlint.runner import main; main()", str(template)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.behaviour("CFN-EXAMPLE")
def test_the_example_is_made_used_changed_and_deleted(team: Running, values, client, examples: Path):
    folder = examples / "cloudformation"
    cloud, agentcore, s3 = client("cloudformation"), client("bedrock-agentcore-control"), client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="server.zip", Body=zipped(folder / "server"))
    body = (folder / "template.yaml").read_text()
    given = {"CodeBucket": BUCKET, "ApiKey": "not-a-real-key", "DataPlane": values["AWS_ENDPOINT_URL"]}

    def parameters(**more):
        pairs = (given | more).items()
        return [{"ParameterKey": key, "ParameterValue": value} for key, value in pairs]

    cloud.create_stack(
        StackName=NAME, TemplateBody=body, Parameters=parameters(), Capabilities=["CAPABILITY_IAM"]
    )
    cloud.get_waiter("stack_create_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1})
    _, outputs = described(cloud)
    arguments = {"city": "Paris"}
    answer = call(
        outputs["GatewayUrl"], values, "tools/call", name="weather___get_forecast", arguments=arguments
    )
    assert "Paris: 18 °C, light rain" == answer["content"][0]["text"]
    assert (
        agentcore.get_workload_identity(name="weather-client")["workloadIdentityArn"] == outputs["Identity"]
    )
    assert agentcore.get_api_key_credential_provider(name="weather-key")
    runtime = outputs["RuntimeArn"].rpartition("/")[2]

    cloud.update_stack(StackName=NAME, TemplateBody=body, Parameters=parameters(Note="Other weather."))
    assert ("UPDATE_COMPLETE", outputs) == described(cloud)
    newest = agentcore.get_agent_runtime(agentRuntimeId=runtime)
    assert ("Other weather.", "2") == (newest["description"], newest["agentRuntimeVersion"])

    cloud.update_stack(
        StackName=NAME, TemplateBody=body, Parameters=parameters(CodeKey="absent.zip", Note="Never.")
    )
    assert ("UPDATE_ROLLBACK_COMPLETE", outputs) == described(cloud)
    events = cloud.describe_stack_events(StackName=NAME)["StackEvents"]
    (told,) = [item for item in events if item["ResourceStatus"] == "UPDATE_FAILED"]
    assert "Server" == told["LogicalResourceId"]
    assert "absent.zip" in told["ResourceStatusReason"]
    back = agentcore.get_agent_runtime(agentRuntimeId=runtime)
    assert ("READY", "Other weather.") == (back["status"], back["description"])

    renamed = body.replace("Name: weather-client", "Name: weather-other")
    cloud.update_stack(StackName=NAME, TemplateBody=renamed, Parameters=parameters(Note="Other weather."))
    status, after = described(cloud)
    assert "UPDATE_COMPLETE" == status
    assert after["Identity"].endswith("/weather-other")
    identities = [item["name"] for item in agentcore.list_workload_identities()["workloadIdentities"]]
    assert "weather-other" in identities
    assert "weather-client" not in identities
    answer = call(
        outputs["GatewayUrl"], values, "tools/call", name="weather___get_forecast", arguments=arguments
    )
    assert "Paris" in answer["content"][0]["text"]

    cloud.delete_stack(StackName=NAME)
    cloud.get_waiter("stack_delete_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1})
    assert [] == agentcore.list_agent_runtimes()["agentRuntimes"]
    assert [] == agentcore.list_gateways()["items"]
    assert [] == agentcore.list_api_key_credential_providers()["credentialProviders"]
    assert [] == agentcore.list_workload_identities()["workloadIdentities"]
    assert [] == [item for item in client("iam").list_roles()["Roles"] if item["RoleName"].startswith(NAME)]
