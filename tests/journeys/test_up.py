"""`skerry up` as a person meets it: ready, once per state, gone when it should be."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import botocore.session
import pytest

from tests.journeys.running import Running, clean_environment, up
from tests.kit.processes import children, wait_gone

LINUX = pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")


@pytest.mark.xdist_group("desk")
def test_ready_line_has_every_url_and_arn_but_no_secret(desk: Running):
    facts = desk.facts
    assert facts["endpoint"].startswith("http://127.0.0.1:")
    assert facts["region"] == "us-east-1"
    assert {runtime["arn"].split(":")[2] for runtime in facts["runtimes"].values()} == {"bedrock-agentcore"}
    assert all(gateway["url"].startswith(facts["endpoint"]) for gateway in facts["gateways"].values())
    assert set(facts["realms"]) == {"desk", "pool"}
    assert desk.environment()["AWS_SECRET_ACCESS_KEY"] not in json.dumps(facts)


@pytest.mark.xdist_group("desk")
def test_a_second_up_on_the_same_state_says_so_and_exits_1(desk: Running):
    done = desk.skerry("up", "--port", "0")
    assert done.returncode == 1
    assert "already runs on the state directory" in done.stderr
    assert "SKY-105" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.xdist_group("desk")
def test_env_can_be_evaluated_by_a_shell(desk: Running):
    lines = desk.skerry("env").stdout
    done = subprocess.run(
        ["sh", "-c", f'{lines}\nprintf %s "$AWS_ENDPOINT_URL"'], capture_output=True, text=True, check=True
    )
    assert done.stdout == desk.facts["endpoint"]
    names = [shlex.split(line)[1].partition("=")[0] for line in lines.splitlines()]
    assert {"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"} < set(names)
    assert {"SKERRY_GATEWAY_URL", "SKERRY_RUNTIME_ARN", "SKERRY_ISSUER"} < set(names)


def test_a_port_in_use_is_one_line(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "skerry", "up", "--port", port, "--state", str(tmp_path / "state")],
            cwd=tmp_path,
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "SKY-103" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """A folder with the smallest stack: one agent and nothing else."""
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "main.py").write_text(
        "from bedrock_agentcore import BedrockAgentCoreApp\n"
        "app = BedrockAgentCoreApp()\n"
        "@app.entrypoint\n"
        "def answer(payload):\n"
        "    return {'echo': payload}\n"
        "app.run()\n"
    )
    (tmp_path / "skerry.toml").write_text('runtimes.echo.path = "agent"\n')
    return tmp_path


def described(running: Running) -> dict:
    """What GetAgentRuntime says of the first runtime."""
    values = running.environment()
    client = botocore.session.Session().create_client(
        "bedrock-agentcore-control",
        endpoint_url=values["AWS_ENDPOINT_URL"],
        region_name=values["AWS_REGION"],
        aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
    )
    identifier = values["SKERRY_RUNTIME_ARN"].rpartition("/")[2]
    answer: dict = client.get_agent_runtime(agentRuntimeId=identifier)
    client.close()
    return answer


def invoke(running: Running) -> dict:
    """One question to the first runtime, through boto3 in a process of its own."""
    program = (
        "import boto3, json, os\n"
        "answer = boto3.client('bedrock-agentcore').invoke_agent_runtime(\n"
        "    agentRuntimeArn=os.environ['SKERRY_RUNTIME_ARN'], payload=b'{\"n\": 1}')\n"
        "print(answer['response'].read().decode())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=clean_environment() | running.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict = json.loads(done.stdout)
    return answer


def test_arns_and_keys_survive_a_restart(team: Path):
    with up(team) as first:
        arn, key = first.facts["runtimes"]["echo"]["arn"], first.environment()["AWS_ACCESS_KEY_ID"]
        assert invoke(first) == {"echo": {"n": 1}}
    with up(team) as second:
        assert second.facts["runtimes"]["echo"]["arn"] == arn
        assert second.environment()["AWS_ACCESS_KEY_ID"] == key
        assert invoke(second) == {"echo": {"n": 1}}


def test_what_is_taken_out_of_the_file_is_taken_from_the_runtime(team: Path):
    plain = (team / "skerry.toml").read_text()
    (team / "skerry.toml").write_text(plain + 'runtimes.echo.headers = ["X-Team"]\n')
    with up(team) as first:
        assert described(first)["requestHeaderConfiguration"] == {"requestHeaderAllowlist": ["X-Team"]}
    (team / "skerry.toml").write_text(plain)
    with up(team) as second:
        changed = described(second)
        assert "requestHeaderConfiguration" not in changed
        assert changed["agentRuntimeVersion"] == "2"
    with up(team) as third:
        assert described(third)["agentRuntimeVersion"] == "2"


@LINUX
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_every_process_within_5_seconds(team: Path, name: str):
    with up(team) as running:
        invoke(running)
        everyone = children(running.process.pid)
        assert len(everyone) > 2
        running.process.send_signal(getattr(signal, name))
        assert running.process.wait(timeout=5) == 0
        assert wait_gone(everyone, 1) == set()


@LINUX
def test_kill_9_leaves_no_process_behind(team: Path):
    (team / "stubborn.py").write_text(
        "import time\nprint('{\"ready\": true}', flush=True)\ntime.sleep(600)\n"
    )
    with (team / "skerry.toml").open("a") as file:
        file.write("[services.stubborn]\ncommand = ['python', 'stubborn.py']\n")
    with up(team) as running:
        invoke(running)
        everyone = children(running.process.pid)
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait()
        assert wait_gone(everyone, 10) == set()
    with up(team) as again:
        assert invoke(again) == {"echo": {"n": 1}}


@LINUX
def test_a_signal_ends_it_before_it_is_ready(team: Path):
    with (team / "skerry.toml").open("a") as file:
        file.write("[services.never]\ncommand = ['python', '-c', 'import time; time.sleep(60)']\n")
    state = team / "state"
    with subprocess.Popen(
        [sys.executable, "-m", "skerry", "up", "--port", "0", "--state", str(state)],
        cwd=team,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        silent = state / "logs" / "never.log"
        waiting = threading.Event()
        while not silent.exists():  # made when the service has started; nothing else says so from outside
            waiting.wait(0.05)
        everyone = children(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0
        assert wait_gone(everyone, 1) == set()


def test_a_broken_agent_program_is_named(team: Path):
    (team / "agent" / "main.py").write_text("import a_module_that_is_not_there\n")
    with up(team) as running:
        done = running.skerry("chat", "--once", "hello")
    assert done.returncode == 1
    assert "a_module_that_is_not_there" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistake_in_the_file_is_one_line(team: Path):
    (team / "skerry.toml").write_text("[runtimes.echo]\npath = 'agnet'\n")
    done = subprocess.run(
        [sys.executable, "-m", "skerry", "up", "--port", "0"],
        cwd=team,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "[runtimes.echo] path names" in done.stderr
    assert done.stderr.count("\n") == 1
