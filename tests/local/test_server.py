"""The endpoint as a process: it starts, keeps what it acknowledged, and ends with all it started."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from skerry.auth.aws.sigv4 import Credentials, sign
from skerry.errors import PortInUseError
from skerry.local.server import LOOPBACK, url_of
from skerry.sockets import bind
from skerry.wire.endpoints import invocation_url
from skerry.wire.headers import RUNTIME_SESSION_ID
from tests.kit.local_endpoint import ROLE, artifact, endpoint_process, settled
from tests.kit.runtime_plane import PROGRAMS

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def children(pid):
    """The process ids below a process."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *children(int(child))]
    return found


def all_end(descriptors, seconds):
    """Whether all these processes (pidfds, which are closed) have ended within the time."""
    ends = [bool(select.select([descriptor], [], [], seconds)[0]) for descriptor in descriptors]
    for descriptor in descriptors:
        os.close(descriptor)
    return all(ends)


@pytest.mark.behaviour("END-KILL")
@linux
def test_what_was_acknowledged_is_there_after_kill_9_and_moto_ends_too(tmp_path):
    state = tmp_path / "state"
    with endpoint_process(state) as first:
        agentcore = first.client("bedrock-agentcore-control")
        gateway = agentcore.create_gateway(name="desk", roleArn=ROLE, authorizerType="AWS_IAM")
        runtime = agentcore.create_agent_runtime(
            agentRuntimeName="desk", roleArn=ROLE, agentRuntimeArtifact=artifact(str(PROGRAMS / "plain"))
        )
        below = children(first.process.pid)
        assert below, "moto runs as a child"
        descriptors = [os.pidfd_open(pid) for pid in below]
        first.process.kill()
        assert all_end(descriptors, 10), "a child outlived its parent"
    with endpoint_process(state) as second:
        assert second.developer == first.developer
        agentcore = second.client("bedrock-agentcore-control")
        got = agentcore.get_gateway(gatewayIdentifier=gateway["gatewayId"])
        assert got["gatewayUrl"] == f"{second.url}/gateway/{gateway['gatewayId']}/mcp"
        found = settled(agentcore.get_agent_runtime, agentRuntimeId=runtime["agentRuntimeId"])
        assert found["status"] == "READY"


@pytest.mark.behaviour("END-STOP")
@linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order_within_5_seconds(tmp_path, number):
    with endpoint_process(tmp_path / "state") as running:
        below = [os.pidfd_open(pid) for pid in children(running.process.pid)]
        held = socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2])))  # an idle client
        began = time.monotonic()
        running.process.send_signal(number)
        assert running.process.wait(5) == 0
        assert time.monotonic() - began < 5
        held.close()
        assert all_end(below, 1), "a child is left behind"


@pytest.mark.behaviour("AWS-ENDED")
@linux
def test_when_the_embedded_cloud_ends_the_rest_goes_on(tmp_path):
    with endpoint_process(tmp_path / "state") as running:
        (moto,) = [
            pid
            for pid in children(running.process.pid)
            if b"skerry.local.aws.moto_server" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        descriptor = os.pidfd_open(moto)
        os.kill(moto, signal.SIGKILL)
        assert all_end([descriptor], 10)
        with pytest.raises(ClientError) as caught:
            running.client("ec2").describe_vpcs()
        answer = caught.value.response
        assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (
            "ServiceUnavailable",
            503,
        )
        assert "embedded cloud does not answer" in answer["Error"]["Message"]
        assert running.client("bedrock-agentcore-control").list_gateways()["items"] == []
        assert running.client("sts").get_caller_identity()["Arn"].endswith("user/skerry")
        stranger = Credentials("AKIAXXXXXXXXXXXXXXXX", "x" * 40)
        with pytest.raises(ClientError) as caught:
            running.client("bedrock-agentcore-control", stranger).list_gateways()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


@pytest.mark.behaviour("END-PORT")
def test_a_port_in_use_is_named_with_the_next_move():
    with bind(LOOPBACK, 0) as taken:
        port = taken.getsockname()[1]
        assert url_of(taken) == f"http://127.0.0.1:{port}"
        with pytest.raises(PortInUseError, match=f"port {port} of 127.0.0.1") as caught:
            bind(LOOPBACK, port)
    assert "--port" in caught.value.hint


@pytest.mark.parametrize(
    ("environment", "text", "code"),
    [
        ({"SKERRY_PORT": "many"}, "not a number", 2),
        ({"SKERRY_SEEDS": "/no/such/seeds.toml"}, "/no/such/seeds.toml cannot be read", 2),
        ({"SKERRY_STATE": "/dev/null/state"}, "state", 1),
    ],
)
def test_a_bad_setting_is_one_line(tmp_path, environment, text, code):
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SKERRY_"))
    }
    given = {**inherited, "SKERRY_STATE": str(tmp_path / "state"), "SKERRY_PORT": "0"} | environment
    shown = subprocess.run(
        [sys.executable, "-m", "skerry.local"],
        env=given,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert shown.returncode == code
    assert shown.stdout == ""
    assert len(shown.stderr.splitlines()) == 1
    assert shown.stderr.startswith("skerry: ")
    assert text in shown.stderr


def test_a_spoilt_state_file_is_one_line_and_leaves_no_process(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    (state / "control.sqlite").write_bytes(b"no database at all, but long enough to be looked at" * 20)
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SKERRY_"))
    }
    given = {**inherited, "SKERRY_STATE": str(state), "SKERRY_PORT": "0"}
    # Standard output reaches its end only when no child holds it any more.
    shown = subprocess.run(
        [sys.executable, "-m", "skerry.local"],
        env=given,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (shown.returncode, shown.stdout) == (1, "")
    assert len(shown.stderr.splitlines()) == 1
    assert "control.sqlite cannot be used" in shown.stderr


def test_it_listens_on_loopback_only(tmp_path):
    with endpoint_process(tmp_path / "state") as running:
        assert running.url.startswith("http://127.0.0.1:")
        others = [address[4][0] for address in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
        for other in {address for address in others if not address.startswith("127.")}:
            with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
                socket.create_connection((other, int(running.url.rpartition(":")[2])), timeout=2).close()


def test_the_key_and_the_state_are_private(tmp_path):
    with endpoint_process(tmp_path / "state") as running:
        if sys.platform != "win32":
            loose = [
                path.name
                for path in (running.state, *running.state.rglob("*"))
                if path.stat().st_mode & 0o077
            ]
            assert loose == []
        kept = json.loads((running.state / "credentials.json").read_text())
        command = Path(f"/proc/{running.process.pid}/cmdline")
        if command.exists():
            for pid in (running.process.pid, *children(running.process.pid)):
                shown = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
                assert kept["secret_access_key"].encode() not in shown


@pytest.mark.behaviour("RT-WS", "RT-COMMAND", "RT-SHELL")
def test_agent_runtimes_have_websockets_commands_and_shells_and_nothing_else_has(tmp_path):
    """On the event loop that users have."""
    with endpoint_process(tmp_path / "state") as endpoint:
        folder = Path(__file__).parent / "runtime" / "programs" / "socket"
        made = endpoint.client("bedrock-agentcore-control").create_agent_runtime(
            agentRuntimeName="socket", roleArn=ROLE, agentRuntimeArtifact=artifact(str(folder))
        )
        arn, session = made["agentRuntimeArn"], "session-one-" + "1" * 28

        def connected(path):
            url = invocation_url(endpoint.url, arn).replace("/invocations?", path + "?")
            options = {"credentials": endpoint.developer, "region": "us-east-1", "now": time.time()}
            headers = sign("GET", url, {}, b"", service="bedrock-agentcore", **options)
            headers[RUNTIME_SESSION_ID] = session
            here = url.replace("http", "ws", 1)
            return connect(here, additional_headers=headers, proxy=None, open_timeout=60)

        with connected("/ws") as socket:
            socket.send("hello")
            assert "hello" == socket.recv(60)
        answer = endpoint.client("bedrock-agentcore").invoke_agent_runtime_command(
            agentRuntimeArn=arn, runtimeSessionId=session, body={"command": "pwd; exit 3"}
        )
        _, delta, stop = [event["chunk"] for event in answer["stream"]]
        assert (f"{folder}\n", 3) == (delta["contentDelta"]["stdout"], stop["contentStop"]["exitCode"])
        with connected("/ws/shells") as shell:
            shell.send(b"\0exit 5\n")
            *_, last = shell
            assert (3, "5") == (last[0], json.loads(last[1:])["details"]["causes"][0]["message"])
        with pytest.raises(InvalidStatus) as caught:
            connect(endpoint.url.replace("http", "ws", 1) + "/gateway/any/mcp", proxy=None)
        assert 404 == caught.value.response.status_code
        logs = "".join(file.read_text() for file in (tmp_path / "state" / "logs").iterdir())
        assert "Signature=" not in logs
