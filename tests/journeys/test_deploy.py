"""`skerry deploy` with its real commands, into a stack that runs nothing but the embedded cloud."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import httpx2
import pytest

from tests.deploy.kit import EVERYTHING
from tests.journeys.running import Running, clean_environment, up

EXAMPLES = Path(__file__).parents[2] / "examples"
FORECAST = "weather___get_forecast"
FUNCTION = """
[functions.hello]
path = "fn"
handler = "handler.hello"
environment = { WHERE = "${region}" }
"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("cloud")
    (folder / "skerry.toml").write_text('[stack]\nregion = "eu-central-1"\n')
    with up(folder) as running:
        yield running


@pytest.fixture(scope="module")
def given(cloud: Running) -> dict[str, str]:
    """What `skerry env` of the stack says; pip has nothing to ask."""
    return cloud.environment() | {"PIP_NO_INDEX": "1"}


def deploy(folder: Path, given: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """A command in the folder of a file, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "skerry", "deploy", *words],
        env=clean_environment() | given,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def good(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def client(given: dict[str, str]) -> dict[str, str]:
    return {
        "endpoint_url": given["AWS_ENDPOINT_URL"],
        "region_name": given["AWS_REGION"],
        "aws_access_key_id": given["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": given["AWS_SECRET_ACCESS_KEY"],
    }


@pytest.fixture
def team(tmp_path: Path) -> Path:
    folder = tmp_path / "my_team"
    (folder / "fn").mkdir(parents=True)
    (folder / "fn" / "handler.py").write_text("def hello(event, context):\n    return event\n")
    (folder / "skerry.toml").write_text(FUNCTION)
    return folder


@pytest.mark.behaviour("DEPLOY-UP")
@pytest.mark.behaviour("DEPLOY-CONSENT")
def test_the_life_of_a_stack(given: dict[str, str], team: Path):
    s3 = boto3.client("s3", **client(given))
    cloudformation = boto3.client("cloudformation", **client(given))
    bucket = "packages-of-my-team"
    planned = json.loads(good(deploy(team, given, "plan", "--json")))
    assert [one["id"] for one in planned["resources"]] == ["FunctionHelloRole", "FunctionHello"]

    refused = deploy(team, given, "up")
    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    looked = json.loads(good(deploy(team, given, "up", "--dry-run", "--json")))
    assert {one["action"] for one in looked["changes"]} == {"Add"}
    assert bucket not in [one["Name"] for one in s3.list_buckets()["Buckets"]]
    assert "my-team" not in [one["StackName"] for one in cloudformation.describe_stacks()["Stacks"]]

    shown = good(deploy(team, given, "up", "--yes", "--bucket", bucket))
    assert "stack my-team in account 123456789012, region eu-central-1" in shown
    assert "uploading function-hello-" in shown
    blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    (kept,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    functions = boto3.client("lambda", **client(given))
    (function,) = functions.list_functions()["Functions"]
    assert function["Environment"]["Variables"] == {"WHERE": "eu-central-1"}
    answered = functions.invoke(FunctionName=function["FunctionName"], Payload=b'{"a": 1}')
    assert json.loads(answered["Payload"].read()) == {"a": 1}

    again = good(deploy(team, given, "up", "--yes", "--bucket", bucket))
    assert "already" in again
    assert "uploading" not in again

    status = json.loads(good(deploy(team, given, "status", "--json")))
    assert status["status"] == "CREATE_COMPLETE"
    assert {one["name"] for one in status["resources"]} == {"FunctionHelloRole", "FunctionHello"}
    assert f"AWS_ENDPOINT_URL={given['AWS_ENDPOINT_URL']}" in good(deploy(team, given, "env"))

    assert bucket in good(deploy(team, given, "down", "--yes"))
    assert functions.list_functions()["Functions"] == []
    assert [kept["Key"]] == [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    gone = deploy(team, given, "status")
    assert (gone.returncode, "SKY-106" in gone.stderr) == (1, True)


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, 1, "nobody answers at http://127.0.0.1:9"),
        ({"AWS_ACCESS_KEY_ID": ""}, 2, "No AWS credentials were found"),
        ({"AWS_ACCESS_KEY_ID": "AKIAUNKNOWNUNKNOWNUN"}, 1, "AWS refuses GetCallerIdentity"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, 2, "no AWS region is set"),
    ],
)
def test_an_account_that_cannot_be_used_is_told(
    given: dict[str, str], team: Path, changed: dict[str, str], code: int, said: str
):
    found = {name: value for name, value in {**given, **changed}.items() if value}
    found |= {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(team)}
    done = deploy(team, found, "up", "--yes")
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert done.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def deployed(
    given: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, dict[str, str]]]:
    """The example team in the stack, and what `skerry deploy env` says of it; deleted afterwards."""
    folder = tmp_path_factory.mktemp("deployed") / "own_team"
    shutil.copytree(EXAMPLES / "own_team", folder)
    file = str(folder / "skerry.toml")
    shown = good(deploy(folder.parent, given, "up", "--yes", "--no-dependencies", "--file", file))
    assert f"skerry deploy env --file {file}" in shown
    assert "making the bucket skerry-deploy-123456789012-eu-central-1" in shown
    yield folder, json.loads(good(deploy(folder, given, "env", "--json")))
    shown = good(deploy(folder, given, "down", "--yes"))
    assert "is deleted" in shown


@pytest.mark.behaviour("DEPLOY-TEAM")
def test_the_example_team_works_when_it_is_deployed(
    cloud: Running, given: dict[str, str], deployed: tuple[Path, dict[str, str]]
):
    """Roles, targets and the agent's gateway are those of the template: IAM decides on every hop."""
    _, found = deployed
    assert found["AWS_ENDPOINT_URL"] == given["AWS_ENDPOINT_URL"]
    called = cloud.skerry("call", found["SKERRY_GATEWAY_URL"], FORECAST, '{"city": "Reykjavik"}')
    assert "4 °C" in good(called)
    question = "What is the forecast for the city Paris?"
    asked = boto3.client("bedrock-agentcore", **client(given)).invoke_agent_runtime(
        agentRuntimeArn=found["SKERRY_RUNTIME_ARN"],
        runtimeSessionId=str(uuid.uuid4()),
        payload=json.dumps({"prompt": question}),
    )
    assert "18 °C" in asked["response"].read().decode()


@pytest.mark.behaviour("DEPLOY-TEAM")
def test_changed_code_changes_its_runtime_alone(given: dict[str, str], deployed: tuple[Path, dict[str, str]]):
    folder, _ = deployed
    main = folder / "weather" / "main.py"
    main.write_text(main.read_text().replace("25 °C", "26 °C"))
    control = boto3.client("bedrock-agentcore-control", **client(given))

    def versions() -> dict[str, str]:
        listed = control.list_agent_runtimes()["agentRuntimes"]
        return {one["agentRuntimeName"]: one["agentRuntimeVersion"] for one in listed}

    before = versions()
    good(deploy(folder, given, "up", "--yes", "--no-dependencies"))
    after = versions()
    assert after["weather"] != before["weather"]
    assert after["assistant"] == before["assistant"]


GUARDED = """
[gateways.guarded]
authorizer = { discovery_url = "https://login.example/.well-known/openid-configuration", audience = ["${url}"] }

[gateways.guarded.targets.legacy]
http = "https://legacy.example"
"""


@pytest.mark.behaviour("DEPLOY-OWN-URL")
def test_a_gateway_is_the_audience_of_its_own_tokens(given: dict[str, str], tmp_path: Path):
    (tmp_path / "skerry.toml").write_text(GUARDED)
    try:
        found = json.loads(good(deploy(tmp_path, given, "up", "--yes", "--stack-name", "guarded", "--json")))
        control = boto3.client("bedrock-agentcore-control", **client(given))
        listed = control.list_gateways()["items"]
        (identifier,) = [one["gatewayId"] for one in listed if one["name"] == "guarded"]
        gateway = control.get_gateway(gatewayIdentifier=identifier)
        checks = gateway["authorizerConfiguration"]["customJWTAuthorizer"]
        assert checks["allowedAudience"] == [gateway["gatewayUrl"]]
        assert found["outputs"]["GatewayGuardedUrl"] == gateway["gatewayUrl"]
        again = json.loads(good(deploy(tmp_path, given, "up", "--yes", "--stack-name", "guarded", "--json")))
        assert again["changed"] is False
    finally:
        deploy(tmp_path, given, "down", "--yes", "--stack-name", "guarded")


GIVEN = {
    "NamePrefix": "every",  # the example team has a runtime of the same name
    "GuardrailPoliteId": "abcdefghij",
    "RealmHomeDiscoveryUrl": "https://login.example/.well-known/openid-configuration",
    "RealmHomeEndpointToken": "https://login.example/token",
    "RealmHomeEndpointAuthorize": "https://login.example/authorize",
    "SecretAssistantName": "assistant",
    "RealmHomeClientAppSecretName": "app",
    "ServicePetsUrl": "https://pets.example",
    "FunctionPageUrl": "https://page.example",
    "SecretPetsName": "pets",
    "GatewayShopTargetBirdsKeySecretName": "birds",
}
ELSEWHERE = {
    "[runtimes.node]": "[gateways.shop]",  # needs Node 22
    "[gateways.shop.targets.far]": "[gateways.agents]",  # is listed when it is made, and is far away
    "[gateways.agents.targets.node]": "[gateways.agents.targets.legacy]",
}
"""Where tables begin that only AWS can make, and the tables that follow them."""


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    """A folder with what every table has, as far as the embedded cloud makes it."""
    folder = tmp_path / "every_table"
    shutil.copytree(EVERYTHING.parent, folder)
    shutil.copy(EXAMPLES / "own_team" / "weather" / "main.py", folder / "code")
    text = EVERYTHING.read_text()
    for begin, follow in ELSEWHERE.items():
        first = text.index(begin)
        text = text[:first] + text[text.index(follow, first) :]
    (folder / "skerry.toml").write_text(text)
    (folder / "aws.json").write_text(json.dumps(GIVEN))
    return folder


def environment_of(given: dict[str, str], name: str) -> dict[str, str]:
    """The variables of a runtime, by its name."""
    control = boto3.client("bedrock-agentcore-control", **client(given))
    listed = control.list_agent_runtimes(maxResults=100)["agentRuntimes"]
    (found,) = [one["agentRuntimeId"] for one in listed if one["agentRuntimeName"] == name]
    variables: dict[str, str] = control.get_agent_runtime(agentRuntimeId=found)["environmentVariables"]
    return variables


@pytest.mark.behaviour("DEPLOY-HANDLERS")
@pytest.mark.behaviour("DEPLOY-SECRETS-READ")
def test_every_table_is_taken_by_the_embedded_cloud(given: dict[str, str], everything: Path):
    secrets = boto3.client("secretsmanager", **client(given))
    for secret in ("assistant", "app", "pets", "birds"):
        secrets.create_secret(Name=secret, SecretString=f"the key of {secret}")
    up_again = ("up", "--yes", "--no-dependencies", "--json")
    try:
        done = deploy(everything, given, *up_again, "--parameters", "aws.json")
        found = json.loads(good(done))
        assert found["status"] == "UPDATE_COMPLETE"  # the second change: what is its own audience
        assert "the key of" not in done.stdout + done.stderr
        variables = environment_of(given, "everyassistant")
        assert variables["SECRET"] == "Basic the key of assistant"
        assert variables["CLIENT_SECRET"] == "the key of app"
        url = found["outputs"]["FunctionOrdersUrlOutput"]
        with httpx2.Client(trust_env=False, timeout=60) as http:
            answered = http.post(url, content=b"{}", headers={"Origin": "https://shop.example"})
        assert answered.status_code == 200, answered.text
        assert answered.headers["access-control-allow-origin"] == "https://shop.example"
        status = json.loads(good(deploy(everything, given, "status", "--json")))
        planned = json.loads(good(deploy(everything, given, "plan", "--json")))
        assert {one["name"] for one in status["resources"]} == {one["id"] for one in planned["resources"]}
        assert (
            json.loads(good(deploy(everything, given, *up_again)))["changed"] is False
        )  # all values are kept
    finally:
        good(deploy(everything, given, "down", "--yes"))
