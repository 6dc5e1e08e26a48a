"""The programs: with a gate in front, over stdio, and as a runtime starts the desk's."""

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
from skerry.idp import CLIENT_CREDENTIALS
from skerry.idp import Client as OAuthClient
from skerry.sockets import spare_port
from tests.kit.accounts_api import environment, running_api
from tests.kit.idp import DESK, SECRETS, desk_idp, with_client
from tests.servers.accounts.test_server import client

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def variables(idp, api):
    return environment(
        ACCOUNTS_ISSUER=idp.issuers["desk"],
        ACCOUNTS_CLIENT_SECRET=SECRETS["accounts"],
        ACCOUNTS_API_URL=api.url,
    )


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
        process.stdout.close()


@pytest.fixture(scope="module")
def gated(variables):
    with program([sys.executable, "-m", "skerry.servers.accounts", "http"], variables) as process:
        yield json.loads(process.stdout.readline())["url"]


@pytest.mark.behaviour("ACC-GATE")
def test_without_a_token_the_gate_says_where_tokens_are(gated, http, idp):
    answer = http.post(gated, json={**PING, "method": "tools/list"}, headers=ACCEPT)
    assert answer.status_code == 401
    challenge = parse(answer.headers["www-authenticate"])
    assert challenge.error == ""
    document = http.get(challenge.resource_metadata)
    metadata = read_metadata(document.content, resource=gated)
    assert metadata.authorization_servers == (idp.issuers["desk"],)


@pytest.mark.behaviour("ACC-GATE")
@pytest.mark.behaviour("GRD-SCOPES-AT-ONCE")
def test_it_asks_for_the_scopes_of_the_api_and_says_so(variables, http, user_token):
    public = "https://accounts.example.com/team/mcp"
    env = {**variables, "ACCOUNTS_WRITE_SCOPE": "desk/change", "ACCOUNTS_URL": public}
    arguments = {"account_id": "12345", "new_email": "new@example.com"}
    call = {**PING, "method": "tools/call", "params": {"name": "change_email", "arguments": arguments}}
    with program([sys.executable, "-m", "skerry.servers.accounts", "http"], env) as process:
        url = json.loads(process.stdout.readline())["url"]
        first = parse(http.post(url, json=call, headers=ACCEPT).headers["www-authenticate"])
        assert (first.error, first.scopes) == ("", ("desk/use",))
        refused = http.post(url, json=call, headers={**ACCEPT, "Authorization": f"Bearer {user_token()}"})
        assert refused.status_code == 403
        assert parse(refused.headers["www-authenticate"]).scopes == ("desk/use", "desk/change")
        place = url.replace("/mcp", "/.well-known/oauth-protected-resource")
        document = http.get(place)
        assert http.get(f"{place}/team/mcp").content == document.content
        assert read_metadata(document.content, resource=public).scopes_supported == (
            "desk/use",
            "desk/change",
        )


@pytest.mark.behaviour("ACC-GATE")
def test_a_wrong_token_is_invalid(gated, http, user_token):
    for token in ("garbage", user_token(audiences=("accounts-api",)), user_token(lifetime=-3600)):
        answer = http.post(gated, json=PING, headers={**ACCEPT, "Authorization": f"Bearer {token}"})
        assert answer.status_code == 401
        assert parse(answer.headers["www-authenticate"]).error == "invalid_token"


@pytest.mark.behaviour("ACC-PING")
def test_a_health_ping_needs_no_token(gated, http):
    answer = http.post(gated, json=PING, headers=ACCEPT)
    assert answer.status_code == 200
    assert '"result":{}' in answer.text.replace(" ", "")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', b'{"jsonrpc": "2.0", "method": "ping"}',
     b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"method": "ping"}}',
     b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "method": "tools/list"}',
     b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"x": "' + b"x" * 5000 + b'"}}'],
)  # fmt: skip
def test_only_a_ping_is_a_ping(gated, http, body):
    assert http.post(gated, content=body, headers=ACCEPT).status_code == 401


def test_the_other_methods_of_the_endpoint_are_gated_too(gated, http):
    for method in ("GET", "DELETE", "POST"):
        assert http.request(method, gated, headers=ACCEPT).status_code == 401
        assert http.request(method, f"{gated}/", headers=ACCEPT).status_code == 401


async def test_with_a_token_the_gate_opens(gated, user_token):
    async with client(gated, user_token()) as desk:
        assert (await desk.call_tool("get_email", {"account_id": "12345"})).data == "user@example.com"


async def test_over_stdio_the_server_acts_as_its_own_client(tmp_path):
    own = OAuthClient(
        id="accounts",
        secret="s3cret",
        grants=(CLIENT_CREDENTIALS,),
        scopes=("desk/use",),
        audiences=("accounts-api",),
        claims={"tenant_id": "globex"},
    )
    with desk_idp(with_client(DESK, own)) as idp:
        issuer = idp.issuers["desk"]
        with running_api(tmp_path / "a.sqlite", issuer) as api:
            env = environment(
                ACCOUNTS_ISSUER=issuer, ACCOUNTS_CLIENT_SECRET="s3cret", ACCOUNTS_API_URL=api.url
            )
            command = ["-m", "skerry.servers.accounts", "stdio"]
            log = Path(os.devnull)
            async with Client(StdioTransport(sys.executable, command, env=env, log_file=log)) as desk:
                answer = await desk.call_tool("get_email", {"account_id": "77001"})
    assert answer.data == "mary@example.net"


@pytest.fixture(scope="module")
def desk_program(variables):
    """`python accounts.py` in its folder, as a runtime of protocol MCP starts it."""
    port = spare_port()
    env = {**variables, "ACCOUNTS_PORT": str(port)}
    folder = Path(skerry.desk.__file__).parent
    with program([sys.executable, "accounts.py"], env, cwd=folder) as process:
        url = f"http://127.0.0.1:{port}/mcp"
        with httpx2.Client(transport=httpx2.HTTPTransport(retries=7), trust_env=False) as patient:
            assert patient.post(url, json=PING, headers=ACCEPT).status_code == 200
        yield process, url


@pytest.mark.behaviour("ACC-PING")
async def test_the_desks_program_speaks_the_container_contract(desk_program, user_token):
    _, url = desk_program
    for mode in ("legacy", "2026-07-28"):
        async with client(url, user_token(), mode=mode) as desk:
            assert (await desk.call_tool("get_email", {"account_id": "12345"})).data == "user@example.com"


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM")
def test_the_desks_program_ends_on_a_signal(desk_program):
    process, _ = desk_program
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) in (0, -signal.SIGTERM)


@pytest.mark.parametrize(
    ("command", "more"),
    [(["-m", "skerry.servers.accounts", "http"], {}), (["-m", "skerry.servers.accounts", "stdio"], {}),
     ([str(Path(skerry.desk.__file__).with_name("accounts.py"))], {}),
     (["-m", "skerry.servers.accounts", "http"], {"ACCOUNTS_CONFIRM_TIMEOUT": "soon"})],
)  # fmt: skip
def test_a_wrong_setting_is_told_in_one_line(command, more):
    done = subprocess.run(
        [sys.executable, *command],
        env=environment(**more),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "ACCOUNTS_" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
