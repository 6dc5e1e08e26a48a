"""The example for Node, declared and run by `skerry up`; and a stack without Node."""

import json
import shutil
import sys
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from tests.journeys.running import Running, up
from tests.kit.node import NODE, needs_node

ABSENT = "no-node-of-that-name"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Node code is not run on Windows")


def client(stack: Running):
    values = stack.environment()
    return boto3.client(
        "bedrock-agentcore",
        region_name=values["AWS_REGION"],
        endpoint_url=values["AWS_ENDPOINT_URL"],
        aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}),
    )


@needs_node
@pytest.mark.behaviour("NODE-DECLARED")
def test_the_example_runs_without_anything_installed(tmp_path: Path, examples: Path):
    """By the Node that the tables name: the settings name none that is there."""
    shutil.copytree(examples / "node_agent", tmp_path / "team")
    file = tmp_path / "team" / "skerry.toml"
    file.write_text(file.read_text().replace(" path =", ' node = "bin/node", path ='))
    (tmp_path / "team" / "bin").mkdir()
    (tmp_path / "team" / "bin" / "node").symlink_to(NODE)
    with up(tmp_path / "team", environment={"SKERRY_SESSIONS_NODE": ABSENT}) as team:
        assert [] == team.facts["problems"]
        called = team.skerry("call", "tools", "weather___get_forecast", "city=Paris")
        assert "Paris: 18 °C" in called.stdout, called.stderr
        arn = team.environment()["SKERRY_RUNTIME_ARN"]
        for number in (1, 2):
            answer = client(team).invoke_agent_runtime(
                agentRuntimeArn=arn,
                runtimeSessionId="one-conversation-" + "1" * 20,
                payload=b'{"prompt": "hello"}',
            )
            events = [
                json.loads(line.removeprefix(b"data: ")) for line in answer["response"].iter_lines() if line
            ]
            assert ['You said "hello".', f"That was number {number}."] == events


@pytest.mark.behaviour("NODE-NEEDED")
def test_a_stack_without_node_says_what_to_do_and_goes_on(tmp_path: Path, examples: Path):
    shutil.copytree(examples / "node_agent", tmp_path / "team")
    with up(tmp_path / "team", environment={"SKERRY_SESSIONS_NODE": ABSENT}) as team:
        reasons = {one["name"]: one["reason"] for one in team.facts["problems"] if one["kind"] == "runtime"}
        assert {"assistant", "weather"} == set(reasons)
        for reason in reasons.values():
            assert (
                f"this code needs '{ABSENT}', and there is none on PATH. Install Node 22 or newer" in reason
            )
            assert reason.endswith("[SKY-107]")
        found = team.skerry("doctor")
        assert (1, True) == (found.returncode, f"this code needs '{ABSENT}'" in found.stdout)
