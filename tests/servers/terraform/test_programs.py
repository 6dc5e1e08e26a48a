"""The programs: the stand-in, the server with a gate in front, over stdio, and as a runtime starts the desk's."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

import skerry.desk
from skerry.auth.challenge import parse, read_metadata
from skerry.sockets import spare_port
from tests.kit.accounts_api import environment
from tests.kit.terraform_standin import TOKEN
from tests.servers.terraform.conftest import SESSION

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
ACCEPT = {"Accept": "application/json, text/event-stream"}
STANDIN = [sys.executable, "-m", "skerry.servers.terraform.standin"]
SERVER = [sys.executable, "-m", "skerry.servers.terraform"]
DESK = Path(skerry.desk.__file__).with_name("terraform.py")


@contextlib.contextmanager
def program(command, env, **more):
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **more
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


@pytest.fixture(scope="module")
def api():
    env = environment(TERRAFORM_STANDIN_TOKEN=TOKEN, TERRAFORM_STANDIN_STEP="0", TERRAFORM_STANDIN_RATE="0")
    with program(STANDIN, env) as process:
        ready = json.loads(process.stdout.readline())
        assert ready["stand_in"] is True
        yield ready["url"]


@pytest.fixture(scope="module")
def variables(idp, api):
    return environment(SKERRY_TERRAFORM_ISSUER=idp.issuers["desk"], TFE_ADDRESS=api, TFE_TOKEN=TOKEN)


@pytest.fixture(scope="module")
def gated(variables):
    with program([*SERVER, "http"], variables) as process:
        yield json.loads(process.stdout.readline())["url"]


@pytest.mark.behaviour("TF-GATE")
def test_without_a_token_the_gate_says_where_tokens_are(gated, http, idp):
    answer = http.post(gated, json={**PING, "method": "tools/list"}, headers=ACCEPT)
    assert answer.status_code == 401
    document = http.get(parse(answer.headers["www-authenticate"]).resource_metadata)
    assert read_metadata(document.content, resource=gated).authorization_servers == (idp.issuers["desk"],)
    assert http.post(gated, json=PING, headers=ACCEPT).status_code == 200


async def test_with_a_token_the_gate_and_the_door_open(gated, http, client, user_token):
    base = gated.removesuffix("/mcp")
    async with client(base) as desk:
        found = await desk.call_tool("list_workspaces", {"terraform_org_name": "acme"})
        assert found.structured_content["count"] == 4
    door = f"{base}/session/terraform-token"
    headers = {"Authorization": f"Bearer {user_token()}", "X-Session-ID": SESSION}
    assert http.put(door, json={"token": TOKEN}, headers=headers).status_code == 204
    assert http.get(door, headers=headers).json() == {"stored": True}


@pytest.mark.behaviour("TF-STDIO")
async def test_over_stdio_the_server_works_for_whoever_started_it(api):
    env = environment(TFE_ADDRESS=api, TFE_TOKEN=TOKEN)
    transport = StdioTransport(
        sys.executable, ["-m", "skerry.servers.terraform", "stdio"], env=env, log_file=Path(os.devnull)
    )
    async with Client(transport) as desk:
        await desk.call_tool("set_preferences", {"organization": "acme"})
        found = await desk.call_tool("list_workspaces", {})
        assert found.structured_content["count"] == 4
        info = (await desk.call_tool("session_info", {})).structured_content
    assert info["terraform_token"] == "deployment"
    assert info["session"].startswith("stdio-")


@pytest.fixture(scope="module")
def desk_program(variables):
    """`python terraform.py` in its folder, as a runtime of protocol MCP starts it."""
    port = spare_port()
    env = {**variables, "SKERRY_TERRAFORM_PORT": str(port)}
    with program([sys.executable, DESK.name], env, cwd=DESK.parent) as process:
        url = f"http://127.0.0.1:{port}"
        with httpx2.Client(transport=httpx2.HTTPTransport(retries=8), trust_env=False) as patient:
            assert patient.post(f"{url}/mcp", json=PING, headers=ACCEPT).status_code == 200
        yield process, url


async def test_the_desks_program_speaks_the_container_contract(desk_program, client):
    _, url = desk_program
    for mode in ("legacy", "2026-07-28"):
        async with client(url, mode=mode) as desk:
            found = await desk.call_tool("list_workspaces", {"terraform_org_name": "acme"})
            assert found.structured_content["count"] == 4


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM")
def test_the_desks_program_ends_on_a_signal(desk_program):
    process, _ = desk_program
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) in (0, -signal.SIGTERM)


def test_the_stand_in_ends_with_standard_input():
    env = environment(TERRAFORM_STANDIN_TOKEN=TOKEN)
    with program([*STANDIN, "--watch-stdin"], env, stdin=subprocess.PIPE) as process:
        assert json.loads(process.stdout.readline())["ready"] is True
        process.stdin.close()
        assert process.wait(20) == 0


@pytest.mark.behaviour("TF-SETTINGS")
@pytest.mark.parametrize(
    ("command", "more", "names"),
    [([*SERVER, "http"], {}, "SKERRY_TERRAFORM_ISSUER"),
     ([*SERVER, "http"], {"SKERRY_TERRAFORM_CONFIRM_TIMEOUT": "soon"}, "SKERRY_TERRAFORM_"),
     ([*SERVER, "stdio"], {"TFE_ADDRESS": "http://app.terraform.io"}, "TFE_ADDRESS"),
     ([*SERVER, "stdio"], {"TFE_TIMEOUT": "soon"}, "TFE_TIMEOUT"),
     ([*SERVER, "stdio"], {"SKERRY_TERRAFORM_STATE": "redis://127.0.0.1/0"}, "SKERRY_TERRAFORM_STATE_KEY"),
     ([sys.executable, str(DESK)], {}, "SKERRY_TERRAFORM_ISSUER"),
     ([sys.executable, str(DESK)], {"TFE_MAX_RETRIES": "many"}, "TFE_MAX_RETRIES"),
     (STANDIN, {}, "TERRAFORM_STANDIN_TOKEN"),
     (STANDIN, {"TERRAFORM_STANDIN_TOKEN": "x", "TERRAFORM_STANDIN_RATE": "many"}, "TERRAFORM_STANDIN_")],
)  # fmt: skip
def test_a_wrong_setting_is_told_in_one_line(command, more, names):
    done = subprocess.run(
        command, env=environment(**more), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2, done.stderr
    assert names in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
