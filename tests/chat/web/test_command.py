import argparse
import json
from pathlib import Path

import pytest

from skerry.auth.aws.sigv4 import Credentials
from skerry.chat.doors.runtime import RuntimeDoor
from skerry.chat.doors.service import ServiceDoor
from skerry.chat.target import Wanted
from skerry.chat.web import command
from skerry.chat.web.agents import Runtimes
from skerry.chat.web.host import Choice
from skerry.errors import RemoteError
from skerry.settings import WebSettings
from tests.kit.asgi_thread import serve
from tests.kit.local_endpoint import DEVELOPER, ROLE, ControlStack, artifact, client

ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/desk-0123456789"
SIGN_IN = WebSettings(issuer="https://id.example", client_id="web", client_secret="s")


def options(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(words)


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """The state directory of a stack with one runtime; nothing runs."""
    (tmp_path / "stack.json").write_text(
        json.dumps(
            {
                "endpoint": "http://127.0.0.1:9",
                "region": "us-east-1",
                "access_key_id": "AKIAIOSFODNN7EXAMPLE",
                "secret_access_key": "secret",
                "runtimes": {"desk": {"arn": ARN, "url": "http://127.0.0.1:9", "auth": "iam"}},
                "default_runtime": "desk",
                "gateways": {},
                "realms": {},
            }
        )
    )
    return tmp_path


def test_the_default_is_the_stacks_runtime_with_its_agents_to_pick(stack: Path):
    host = command.host_of(Wanted(state=stack, login="someone"), WebSettings())
    door = host.connect(Choice())
    door.close()
    assert isinstance(door, RuntimeDoor)
    assert (door.name, door.region, door.target.user) == ("desk", "us-east-1", "someone")
    assert host.agents is not None
    assert (host.region, host.regions, host.token) == ("us-east-1", (), "")


def test_a_url_is_one_agent_without_a_choice(tmp_path: Path):
    host = command.host_of(Wanted(state=tmp_path, url="http://127.0.0.1:9"), WebSettings())
    door = host.connect(Choice())
    door.close()
    assert isinstance(door, ServiceDoor)
    assert host.agents is None


def test_a_visitors_token_replaces_the_operators_identity(stack: Path):
    host = command.host_of(Wanted(state=stack, user="operator", token="operators"), SIGN_IN)
    assert host.agents is None
    assert host.token == "access"
    door = host.connect(Choice(token="visitors"))
    door.close()
    assert isinstance(door, RuntimeDoor)
    headers = door.target.proof.headers("POST", door.target.url, {}, b"")
    assert headers == {"Authorization": "Bearer visitors"}
    assert door.target.user == ""


def test_on_aws_regions_can_be_picked(tmp_path: Path):
    host = command.host_of(Wanted(state=tmp_path, agent=ARN, region="us-west-2"), WebSettings())
    assert host.region == "us-west-2"
    assert "us-east-1" in host.regions


@pytest.mark.behaviour("WEB-AGENTS")
def test_runtimes_are_listed_with_their_version_over_the_wire(tmp_path: Path):
    with serve(ControlStack(tmp_path)) as url:
        control = client("bedrock-agentcore-control", url)
        for name in ("zebra", "apple"):
            control.create_agent_runtime(agentRuntimeName=name, roleArn=ROLE, agentRuntimeArtifact=artifact())
        control.close()
        found = Runtimes(endpoint_url=url, keys=DEVELOPER).of("us-east-1")
        assert [(agent.name, agent.version) for agent in found] == [("apple", "1"), ("zebra", "1")]
        assert all(agent.arn.startswith("arn:aws:bedrock-agentcore:us-east-1:") for agent in found)
        wrong = Runtimes(endpoint_url=url, keys=Credentials(DEVELOPER.access_key_id, "wrong"))
        with pytest.raises(RemoteError, match="cannot be listed") as caught:
            wrong.of("us-east-1")
        assert "ListAgentRuntimes" in caught.value.hint


def test_an_endpoint_that_does_not_answer_is_said():
    with pytest.raises(RemoteError, match="us-east-1"):
        Runtimes(endpoint_url="http://127.0.0.1:9", keys=DEVELOPER).of("us-east-1")


def test_agent_and_url_exclude_each_other(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        options("--agent", "x", "--url", "y")
    assert "not allowed with" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_a_port_is_a_number(port: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        options("--port", port)
    assert "0 to 65535" in capsys.readouterr().err


def test_there_is_no_way_to_listen_elsewhere():
    assert not {"host", "address", "bind"} & set(vars(options()))
