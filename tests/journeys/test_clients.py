"""Other people's clients against the stack: boto3, the mcp SDK, FastMCP, and `skerry call`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.running import Running, clean_environment, up
from tests.kit import warm

pytestmark = pytest.mark.xdist_group("desk")


def program(desk: Running, text: str) -> str:
    """Runs a program that knows nothing but the environment of `skerry env`."""
    done = subprocess.run(
        [sys.executable, "-c", text],
        env=clean_environment() | desk.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readmes_boto3_program_runs_unchanged(desk: Running):
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (block,) = [part.split("```")[0] for part in readme.split("```python\n")[1:]]
    assert "@" in program(desk, block)


def test_boto3_speaks_to_every_plane(desk: Running):
    shown = program(
        desk,
        """
import boto3
control = boto3.client("bedrock-agentcore-control")
names = sorted(r["agentRuntimeName"] for r in control.list_agent_runtimes()["agentRuntimes"])
assert {"accounts", "ops", "ops_jwt"} <= set(names), names
assert len(control.list_gateways()["items"]) == 2
answer = boto3.client("bedrock-runtime").converse(
    modelId="any", messages=[{"role": "user", "content": [{"text": "hello"}]}])
assert "no language model" in answer["output"]["message"]["content"][-1]["text"], answer
who = boto3.client("sts").get_caller_identity()["Arn"]
assert boto3.client("s3").list_buckets()["Buckets"]
reservations = boto3.client("ec2").describe_instances()["Reservations"]
print(who, len(reservations))
""",
    )
    arn, count = shown.split()
    assert arn == "arn:aws:iam::123456789012:user/skerry"
    assert int(count) > 0


def test_a_key_made_through_iam_works_and_a_wrong_secret_does_not(desk: Running):
    program(
        desk,
        """
import boto3, botocore.exceptions
iam = boto3.client("iam")
iam.create_user(UserName="someone")
lists = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "bedrock-agentcore:List*", "Resource": "*"}}'
iam.put_user_policy(UserName="someone", PolicyName="lists", PolicyDocument=lists)
key = iam.create_access_key(UserName="someone")["AccessKey"]
def control(secret):
    return boto3.client("bedrock-agentcore-control", aws_access_key_id=key["AccessKeyId"],
                        aws_secret_access_key=secret)
assert control(key["SecretAccessKey"]).list_gateways()["items"]
try:
    control("x" * 40).list_gateways()
except botocore.exceptions.ClientError as error:
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error
else:
    raise SystemExit("a wrong secret was accepted")
""",
    )


MCP_CLIENTS = {
    "mcp": """
import asyncio, os, sys, httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

async def main():
    headers = {"Authorization": "Bearer " + sys.argv[2]}
    async with httpx2.AsyncClient(headers=headers) as http:
        async with Client(streamable_http_client(sys.argv[1], http_client=http), mode=sys.argv[3]) as client:
            print(*[tool.name for tool in (await client.list_tools()).tools])
            result = await client.call_tool("accounts___get_email", {"account_id": "12345"})
            print(result.content[0].text)

asyncio.run(main())
""",
    "fastmcp": """
import asyncio, sys
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

async def main():
    transport = StreamableHttpTransport(sys.argv[1], headers={"Authorization": "Bearer " + sys.argv[2]})
    async with Client(transport, mode=sys.argv[3]) as client:
        print(*[tool.name for tool in await client.list_tools()])
        result = await client.call_tool("accounts___get_email", {"account_id": "12345"})
        print(result.content[0].text)

asyncio.run(main())
""",
}


@pytest.mark.parametrize("mode", ["legacy", "auto"])
@pytest.mark.parametrize("sdk", MCP_CLIENTS)
def test_an_mcp_client_with_only_the_url_and_a_token(desk: Running, sdk: str, mode: str):
    token = desk.skerry("token", "--client", "chat", "--audience", "desk-gateway").stdout.strip()
    url = desk.facts["gateways"]["desk-jwt"]["url"]
    done = warm.run_text(MCP_CLIENTS[sdk], url, token, mode, environment=clean_environment())
    assert done.returncode == 0, done.stderr
    names, answer = done.stdout.splitlines()[:2]
    assert {"accounts___get_email", "aws___ec2_read_operations"} < set(names.split())
    assert "@" in answer


@pytest.mark.parametrize("target", ["desk", "desk-jwt"])
def test_skerry_call_lists_and_calls(desk: Running, target: str):
    listed = desk.skerry("call", target, "list", "--json")
    assert listed.returncode == 0, listed.stderr
    assert "accounts___get_email" in listed.stdout
    called = desk.skerry("call", target, "aws___hello_world", json.dumps({"name": "Ada"}))
    assert called.returncode == 0, called.stderr
    assert "Ada" in called.stdout


def test_the_wrong_kind_of_credential_is_refused(desk: Running):
    crossed = desk.skerry("call", "desk-jwt", "list", "--auth", "iam")
    assert crossed.returncode != 0
    assert "Traceback" not in crossed.stderr


def test_a_teams_own_agent_and_server_run_with_five_lines(tmp_path: Path, examples: Path):
    shutil.copytree(examples / "own_team", tmp_path / "team")
    lines = [line for line in (tmp_path / "team" / "skerry.toml").read_text().splitlines() if line.strip()]
    assert len(lines) <= 6
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert (tmp_path / "team" / "skerry.toml").read_text() in readme
    with up(tmp_path / "team") as team:
        listed = team.skerry("call", "tools", "list")
        assert "weather___get_forecast" in listed.stdout, listed.stderr
        answer = program(
            team,
            """
import boto3, json, os
answer = boto3.client("bedrock-agentcore").invoke_agent_runtime(
    agentRuntimeArn=os.environ["SKERRY_RUNTIME_ARN"],
    payload=json.dumps({"prompt": "What is the forecast for the city Paris?"}))
print(answer["response"].read().decode())
""",
        )
        assert "18 °C" in answer
