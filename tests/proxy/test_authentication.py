"""How the proxy proves who asks: which proof it takes, when it takes a new one, and what it says when refused."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from pathlib import Path

import pytest

from tests.kit.agentcore import KEY_ID, SECRET, AgentCore
from tests.kit.stdio_host import LEGACY, StdioHost, text_of
from tests.proxy.running import proxy

HELLO = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "h", "version": "1"}}
NO_KEYS: dict[str, str | None] = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
TOKEN = "header.payload.not-a-real-signature"


async def echoed(host: StdioHost) -> None:
    await host.initialize()
    assert text_of(await host.call("unmarked", {"text": "a"})) == "a"


def bearer(server: AgentCore, *tokens: str) -> None:
    server.auth = "bearer"
    server.tokens = set(tokens)


def shown(server: AgentCore) -> list[str]:
    """The bearer tokens in the order in which they came, repetitions left out."""
    found: list[str] = []
    for request in server.peer.requests:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token and token not in found:
            found.append(token)
    return found


# Bearer tokens


@pytest.mark.behaviour("PROXY-TOKEN-FILE")
async def test_a_token_file_that_changes_is_read_again(server: AgentCore, tmp_path: Path):
    file = tmp_path / "token"
    file.write_text("first\n")
    bearer(server, "first")
    async with proxy(server, "--token-file", str(file), env=NO_KEYS) as host:
        await echoed(host)
        file.write_text("second\n")
        server.tokens = {"second"}
        assert text_of(await host.call("unmarked", {"text": "b"})) == "b"
    assert shown(server)[-1] == "second"
    assert server.runs["unmarked"] == 2


@pytest.mark.behaviour("PROXY-TOKEN-COMMAND")
async def test_a_token_command_runs_once_and_again_when_the_token_is_refused(
    server: AgentCore, tmp_path: Path
):
    program = tmp_path / "token.py"
    program.write_text(
        "import pathlib, sys\n"
        "runs = pathlib.Path(sys.argv[1])\n"
        "count = int(runs.read_text()) + 1 if runs.exists() else 1\n"
        "runs.write_text(str(count))\n"
        "print(f'token-{count}')\n"
    )
    runs = tmp_path / "runs"
    command = shlex.join([sys.executable, str(program), str(runs)])
    bearer(server, "token-1")
    async with proxy(server, "--auth", "bearer", "--token-command", command, env=NO_KEYS) as host:
        await host.initialize()
        calls = [await host.begin_call("unmarked", {"text": "a"}) for _ in range(8)]
        assert [text_of(await host.wait(call)) for call in calls] == ["a"] * 8
        assert runs.read_text() == "1"
        server.tokens = {"token-2"}
        assert text_of(await host.call("unmarked", {"text": "b"})) == "b"
    assert runs.read_text() == "2"
    assert server.runs["unmarked"] == 9


@pytest.mark.behaviour("PROXY-TOKEN-COMMAND")
@pytest.mark.parametrize(
    "command", ["false", "true", "a-program-that-does-not-exist", "sh -c 'echo secret-noise; exit 3'"]
)
async def test_a_token_command_that_fails_is_named_and_nothing_of_it_is_shown(
    server: AgentCore, command: str
):
    bearer(server, "never")
    async with proxy(server, "--token-command", command, env=NO_KEYS) as host:
        answer = await host.request("initialize", HELLO)
        text = json.dumps(answer["error"])
        assert "--token-command" in text or "token command" in text.lower()
        assert answer["error"]["data"]["code"].startswith("SKY-")
        assert "secret-noise" not in text


@pytest.mark.behaviour("PROXY-CLIENT-CREDENTIALS")
@pytest.mark.parametrize("where", ["--token-endpoint", "--discovery-url"])
async def test_the_client_credentials_grant_gives_one_token_for_many_calls(
    server: AgentCore, tmp_path: Path, where: str
):
    secret = tmp_path / "secret"
    secret.write_text("not a real secret\n")
    path = "/oauth/token" if where == "--token-endpoint" else "/.well-known/openid-configuration"
    bearer(server)
    flags = ["--client-id", "desk", "--client-secret-file", str(secret), where, server.url + path]
    flags += ["--scope", "desk/use", "--audience", "desk-runtime"]
    async with proxy(server, *flags, env=NO_KEYS) as host:
        await echoed(host)
        await echoed_again(host)
    (grant,) = server.grants
    assert grant["grant_type"] == "client_credentials"
    assert grant["scope"] == "desk/use"
    assert grant["audience"] == "desk-runtime"
    assert grant["authorization"].startswith("Basic ")


async def echoed_again(host: StdioHost) -> None:
    calls = [await host.begin_call("unmarked", {"text": "b"}) for _ in range(5)]
    assert [text_of(await host.wait(call)) for call in calls] == ["b"] * 5


# The right method


@pytest.mark.behaviour("PROXY-AUTO")
async def test_auto_takes_the_other_proof_when_the_first_is_of_the_wrong_kind(
    server: AgentCore, tmp_path: Path
):
    file = tmp_path / "token"
    file.write_text(TOKEN)
    server.auth = "sigv4"  # keys and a token are there; the server wants the signature
    async with proxy(server, "--token-file", str(file)) as host:
        await echoed(host)
    server.seen.clear()
    bearer(server, TOKEN)
    async with proxy(server, "--token-file", str(file)) as host:
        await echoed(host)
    assert server.runs["unmarked"] == 2


@pytest.mark.behaviour("PROXY-CROSSED")
async def test_a_signature_to_a_server_that_wants_a_token_is_named_as_that(server: AgentCore):
    bearer(server, TOKEN)
    async with proxy(server, "--auth", "sigv4") as host:
        error = (await host.request("initialize", HELLO))["error"]
    text = json.dumps(error).lower()
    assert "bearer" in text or "token" in text
    assert "sigv4" in text or "signature" in text or "signed" in text
    assert "expired" not in text
    assert error["data"]["code"].startswith("SKY-")


@pytest.mark.behaviour("PROXY-CROSSED")
async def test_a_token_to_a_server_that_wants_a_signature_is_named_as_that(server: AgentCore, tmp_path: Path):
    file = tmp_path / "token"
    file.write_text(TOKEN)
    server.auth = "sigv4"
    async with proxy(server, "--auth", "bearer", "--token-file", str(file), env=NO_KEYS) as host:
        error = (await host.request("initialize", HELLO))["error"]
    text = json.dumps(error)
    assert "sigv4" in text.lower()
    assert TOKEN not in text + host.stderr.decode()


@pytest.mark.behaviour("PROXY-NO-CREDENTIALS")
async def test_missing_credentials_are_named_with_the_next_move(server: AgentCore):
    async with proxy(server, "--auth", "sigv4", env=NO_KEYS) as host:
        error = (await host.request("initialize", HELLO))["error"]
    assert "credentials" in error["message"]
    assert "aws" in json.dumps(error["data"]).lower() + error["message"].lower()
    assert error["data"]["code"].startswith("SKY-")
    assert server.seen == []


@pytest.mark.behaviour("PROXY-SECRETS")
async def test_no_secret_shows_up_in_logs_or_errors(server: AgentCore, tmp_path: Path):
    file = tmp_path / "token"
    file.write_text(TOKEN)
    server.auth = "sigv4"
    env: dict[str, str | None] = {"AWS_SESSION_TOKEN": "session-token-value", "MCP_PROXY_DEBUG": "1"}
    server.keys[KEY_ID] = "another secret"
    async with proxy(server, "--token-file", str(file), env=env) as host:
        answer = await host.request("initialize", HELLO)
        assert "error" in answer
        host.hang_up()
        await host.exit_code()
        await host.ended.wait()
    everything = json.dumps(answer) + host.stderr.decode() + b"".join(host.lines).decode()
    for secret in (SECRET, "session-token-value", TOKEN, "Signature="):
        assert secret not in everything


# Where keys come from


@pytest.mark.behaviour("PROXY-CHAIN")
async def test_credentials_of_a_process_are_kept_and_refreshed_ahead_of_their_end(
    server: AgentCore, tmp_path: Path
):
    """The first ones end so soon that they are replaced before; the second ones last."""
    program, runs = tmp_path / "keys.py", tmp_path / "runs"
    program.write_text(
        "import datetime, json, pathlib, sys\n"
        "runs = pathlib.Path(sys.argv[1])\n"
        "count = int(runs.read_text()) + 1 if runs.exists() else 1\n"
        "runs.write_text(str(count))\n"
        "left = datetime.timedelta(seconds=5 if count == 1 else 7200)\n"
        "end = datetime.datetime.now(datetime.timezone.utc) + left\n"
        f"print(json.dumps({{'Version': 1, 'AccessKeyId': f'AKIAPROCESS{{count:09}}', "
        f"'SecretAccessKey': {SECRET!r}, 'SessionToken': 't', 'Expiration': end.isoformat()}}))\n"
    )
    config = tmp_path / "config"
    command = f"{sys.executable} {program} {runs}"
    config.write_text(f"[profile worker]\ncredential_process = {command}\nregion = us-east-1\n")
    server.auth = "sigv4"
    server.keys = {f"AKIAPROCESS{count:09}": SECRET for count in (1, 2, 3)}
    env = {**NO_KEYS, "AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "worker"}
    async with proxy(server, env=env) as host:
        await echoed(host)
        async with asyncio.timeout(10):
            while "AKIAPROCESS000000002" not in server.all("tools/call")[-1].headers["authorization"]:
                await host.call("echo", {"text": "until the new ones are there"})
        await echoed_again(host)
        await echoed_again(host)
    assert runs.read_text() == "2"
    assert "AKIAPROCESS000000002" in server.all("tools/call")[-1].headers["authorization"]


@pytest.mark.behaviour("PROXY-CHAIN")
@pytest.mark.parametrize("by", ["flag", "variable"])
async def test_a_profile_is_taken_from_the_flag_or_the_environment(
    server: AgentCore, tmp_path: Path, by: str
):
    file = tmp_path / "credentials"
    file.write_text(
        "[default]\naws_access_key_id = AKIADEFAULTDEFAULTDE\naws_secret_access_key = wrong\n"
        f"[desk]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n"
    )
    server.auth = "sigv4"
    env = {**NO_KEYS, "AWS_SHARED_CREDENTIALS_FILE": str(file)}
    env |= {"AWS_PROFILE": "default" if by == "flag" else "desk"}
    async with proxy(server, *(("--profile", "desk") if by == "flag" else ()), env=env) as host:
        await echoed(host)


@pytest.mark.behaviour("PROXY-EXPIRED")
async def test_expired_credentials_are_named_and_nothing_is_sent_again_and_again(server: AgentCore):
    server.auth = "sigv4"
    server.expired.add(KEY_ID)
    async with proxy(server) as host:
        error = (await host.request("initialize", HELLO))["error"]
    assert "expired" in error["message"]
    assert "AWS_" in error["data"]["hint"]  # that is where they came from
    assert len(server.seen) <= 2


@pytest.mark.behaviour("PROXY-EXPIRED")
async def test_expired_credentials_of_a_profile_say_how_to_log_in(server: AgentCore, tmp_path: Path):
    file = tmp_path / "credentials"
    file.write_text(f"[desk]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n")
    server.auth = "sigv4"
    server.expired.add(KEY_ID)
    async with proxy(
        server, "--profile", "desk", env={**NO_KEYS, "AWS_SHARED_CREDENTIALS_FILE": str(file)}
    ) as host:
        error = (await host.request("initialize", HELLO))["error"]
    assert "expired" in error["message"]
    assert "desk" in error["message"] + error["data"]["hint"]
    assert "aws " in error["data"]["hint"]
