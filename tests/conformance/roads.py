"""The ways to the reference server: straight, behind a token, through a gateway, and through everything else.

The long way: suite ─ HTTP ▶ bridge ─ stdio ▶ proxy ─ signed HTTP ▶ runtime ─ HTTP ▶ bridge ─ stdio ▶ server.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import boto3

from tests.conformance.bare_names import BareNames
from tests.conformance.relay import WithToken
from tests.conformance.suite import ROOT, SuiteError
from tests.kit.asgi_thread import serve
from tests.kit.guarded_reference import guarded_reference

SKERRY = (sys.executable, "-m", "skerry")
SERVER = (sys.executable, "-m", "tests.kit.reference_server")
SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
LOOPBACK = "127.0.0.1"
GRACE = 30.0
TARGET = "reference"

# What a team writes: a runtime whose program is the bridge in front of its stdio server.
DECLARATION = """
[runtimes.reference]
path = "program"
entry_point = "main.py"
protocol = "MCP"
idle_timeout = 60

[runtimes.reference.environment]
MCP_SERVER_CMD = '{command}'
MCP_SERVER_CWD = '{folder}'
"""
PROGRAM = """
import sys

from skerry.cli import main

sys.exit(main(["bridge", "--protocol", "mcp", "--probe", "20"]))
"""


@contextlib.contextmanager
def direct(logs: Path) -> Iterator[str]:
    """The reference server over HTTP; yields its URL."""
    with _program([*SERVER, "--http", "0"], logs / "server.log") as said:
        yield said["url"]


@contextlib.contextmanager
def chain(folder: Path) -> Iterator[str]:
    """The long way, with a stack of its own in an empty folder; yields the URL of its first bridge."""
    (folder / "program").mkdir()
    (folder / "program" / "main.py").write_text(PROGRAM, encoding="utf-8")
    declaration = DECLARATION.format(command=" ".join(SERVER), folder=ROOT)
    (folder / "skerry.toml").write_text(declaration, encoding="utf-8")
    state = folder / "state"
    stack = [*SKERRY, "up", "--port", "0", "--json", "--state", str(state)]
    with _program(stack, folder / "stack.log", cwd=folder) as facts:
        proxy = [*SKERRY, "proxy", facts["runtimes"]["reference"]["arn"], "--auth", "sigv4"]
        passed = [word for name in SECRETS for word in ("--pass-env", name)]
        bridge = [
            *SKERRY,
            "bridge",
            "--host",
            LOOPBACK,
            "--port",
            "0",
            "--json",
            "--protocol",
            "mcp",
            "--probe",
            "20",
            *passed,
            "--",
            *proxy,
        ]
        with _program(bridge, folder / "bridge.log", _stack_environment(state)) as said:
            yield said["urls"][0]


@contextlib.contextmanager
def gateway(folder: Path, *, listing: str = "DEFAULT") -> Iterator[str]:
    """A gateway with sessions and streaming, and the reference server as its one target; yields its URL.

    `listing` is the target's listing mode. In front of it stands what gives the fixtures their bare names.
    """
    (folder / "skerry.toml").write_text("", encoding="utf-8")
    state = folder / "state"
    stack = [*SKERRY, "up", "--port", "0", "--json", "--state", str(state)]
    with (
        _program([*SERVER, "--http", "0"], folder / "server.log") as server,
        _program(stack, folder / "stack.log", cwd=folder),
        serve(BareNames(_made(_stack_environment(state), server["url"], listing), TARGET)) as url,
    ):
        yield f"{url}/mcp"


def dynamic(folder: Path) -> contextlib.AbstractContextManager[str]:
    """The same with a target that is listed for each caller."""
    return gateway(folder, listing="DYNAMIC")


@contextlib.contextmanager
def guarded(_: Path) -> Iterator[str]:
    """The reference server behind our auth provider, and a relay that adds a token; yields the relay's URL."""
    with guarded_reference() as (url, issuer), serve(WithToken(url, issuer.mint)) as base:
        yield f"{base}/mcp"


def _made(environment: Mapping[str, str], server: str, listing: str) -> str:
    """The URL of a new gateway whose target is this server."""
    control = boto3.client(
        "bedrock-agentcore-control",
        region_name=environment["AWS_REGION"],
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    made = control.create_gateway(
        name="conformance",
        roleArn="arn:aws:iam::123456789012:role/conformance",
        authorizerType="NONE",
        exceptionLevel="DEBUG",
        protocolConfiguration={
            "mcp": {
                "sessionConfiguration": {"sessionTimeoutInSeconds": 3600},
                "streamingConfiguration": {"enableResponseStreaming": True},
            }
        },
    )
    control.create_gateway_target(
        gatewayIdentifier=made["gatewayId"],
        name=TARGET,
        targetConfiguration={"mcp": {"mcpServer": {"endpoint": server, "listingMode": listing}}},
    )
    return str(made["gatewayUrl"])


def _stack_environment(state: Path) -> dict[str, str]:
    """What `skerry env` says of the stack."""
    done = subprocess.run(
        [*SKERRY, "env", "--json", "--state", str(state)],
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    values: dict[str, str] = json.loads(done.stdout)
    return values


def _environment() -> dict[str, str]:
    """This environment without anything that steers AWS or skerry."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SKERRY_"))}


@contextlib.contextmanager
def _program(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None, *, cwd: Path = ROOT
) -> Iterator[dict[str, Any]]:
    """A program that says in a line of JSON that it is ready; ended with SIGTERM. All its words go to the log.

    Yields that line. Raises SuiteError when the program ends without one.
    """
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=_environment() | dict(environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    with log.open("wb") as words, process:
        try:
            ready = _ready(process.stdout, words)
            if ready is None:
                raise SuiteError(f"{' '.join(command)} did not get ready; see {log}")
            threading.Thread(target=shutil.copyfileobj, args=(process.stdout, words), daemon=True).start()
            yield ready
        finally:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
            process.kill()


def _ready(output: IO[bytes], words: IO[bytes]) -> dict[str, Any] | None:
    for line in output:
        words.write(line)
        words.flush()
        if line.startswith(b"{"):
            said: dict[str, Any] = json.loads(line)
            return said
    return None
