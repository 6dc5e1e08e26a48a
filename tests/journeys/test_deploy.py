"""`skerry deploy` with its real commands, into a stack that runs nothing but the embedded cloud."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from tests.journeys.running import Running, clean_environment, up

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
    planned = json.loads(good(deploy(team, given, "plan", "--json")))
    assert [one["id"] for one in planned["resources"]] == ["FunctionHelloRole", "FunctionHello"]

    refused = deploy(team, given, "up")
    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    looked = json.loads(good(deploy(team, given, "up", "--dry-run", "--json")))
    assert {one["action"] for one in looked["changes"]} == {"Add"}
    assert (s3.list_buckets()["Buckets"], cloudformation.describe_stacks()["Stacks"]) == ([], [])

    shown = good(deploy(team, given, "up", "--yes"))
    assert "stack my-team in account 123456789012, region eu-central-1" in shown
    assert "uploading function-hello-" in shown
    bucket = "skerry-deploy-123456789012-eu-central-1"
    blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    (kept,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    (function,) = boto3.client("lambda", **client(given)).list_functions()["Functions"]
    assert function["Environment"]["Variables"] == {"WHERE": "eu-central-1"}

    again = good(deploy(team, given, "up", "--yes"))
    assert "already" in again
    assert "uploading" not in again

    status = json.loads(good(deploy(team, given, "status", "--json")))
    assert status["status"] == "CREATE_COMPLETE"
    assert {one["name"] for one in status["resources"]} == {"FunctionHelloRole", "FunctionHello"}
    assert f"AWS_ENDPOINT_URL={given['AWS_ENDPOINT_URL']}" in good(deploy(team, given, "env"))

    assert bucket in good(deploy(team, given, "down", "--yes"))
    assert boto3.client("lambda", **client(given)).list_functions()["Functions"] == []
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


def client(given: dict[str, str]) -> dict[str, str]:
    return {
        "endpoint_url": given["AWS_ENDPOINT_URL"],
        "region_name": given["AWS_REGION"],
        "aws_access_key_id": given["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": given["AWS_SECRET_ACCESS_KEY"],
    }
