"""`skerry login` and what uses it: call, proxy, token; processes, sockets and a browser that is a program."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import browser
from tests.kit.authorization import Authorization, Visitor, authorization
from tests.kit.stdio_host import StdioHost
from tests.kit.terminal import Terminal, environment

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
SKERRY = (sys.executable, "-m", "skerry")


@pytest.fixture
def server() -> Iterator[Authorization]:
    with authorization() as running:
        yield running


def skerry(home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SKERRY, *words],
        env=environment(home) | more,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.behaviour("LOGIN-COMMAND")
def test_a_sign_in_serves_list_token_call_and_ends_with_logout(server: Authorization, tmp_path: Path):
    done = skerry(tmp_path, "login", server.mcp, "--json", **browser.ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["resource"], said["issuer"], said["lasting"]) == (server.mcp, server.issuer, True)
    assert said["kept"] == f"files in {tmp_path}/.local/share/skerry/tokens"
    listed = skerry(tmp_path, "login", "--list")
    assert server.mcp in listed.stdout
    assert server.issuer in listed.stdout
    (token,) = server.tokens
    assert not any(token in text for text in (done.stdout, done.stderr, listed.stdout))

    assert skerry(tmp_path, "token", "--target", server.mcp).stdout.strip() == token
    assert json.loads(skerry(tmp_path, "token", "--target", server.mcp, "--json").stdout)["expires_in"] > 3000
    called = skerry(tmp_path, "call", server.mcp, "hello")
    assert (called.returncode, called.stdout) == (0, "hello\n"), called.stderr

    out = skerry(tmp_path, "logout", server.mcp)
    assert out.stdout == f"Signed out of {server.mcp}, and its provider ended the sign-in.\n"
    assert server.tokens == {}
    assert "Nobody is signed in anywhere" in skerry(tmp_path, "login", "--list").stdout
    gone = skerry(tmp_path, "token", "--target", server.mcp)
    assert gone.returncode == 1
    assert f"skerry login {server.mcp}" in gone.stderr
    assert "[SKY-202]" in gone.stderr


@pytest.mark.behaviour("LOGIN-COMMAND")
def test_without_a_browser_the_page_is_printed(server: Authorization, tmp_path: Path):
    process = subprocess.Popen(
        [*SKERRY, "login", server.mcp, "--no-browser"],
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("http"):
                Visitor().open(line.strip())
                break
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert re.search(r"^signed in +somebody whom the token does not name$", out, re.MULTILINE)
    assert re.search(r"^until .*, then refreshed$", out, re.MULTILINE)


@pytest.mark.behaviour("LOGIN-COMMAND")
def test_a_code_signs_in_without_any_browser(server: Authorization, tmp_path: Path):
    done = skerry(tmp_path, "login", server.mcp, "--device", "--issuer", server.issuer, "--json")
    assert done.returncode == 0, done.stderr
    assert "WDJB-MJHT" in done.stderr


@pytest.mark.behaviour("LOGIN-COMMAND")
def test_a_server_that_lets_everybody_in_needs_no_sign_in(server: Authorization, tmp_path: Path):
    done = skerry(tmp_path, "login", f"{server.url}/.well-known/oauth-protected-resource/mcp")
    assert done.returncode == 2
    assert "nothing to sign in for" in done.stderr


@POSIX
@pytest.mark.behaviour("LOGIN-CALL")
def test_a_call_at_a_terminal_signs_in_by_itself_and_steps_up(server: Authorization, tmp_path: Path):
    server.needs = lambda method: {"mcp:admin"} if method == "tools/call" else {"mcp:use"}
    command = [*SKERRY, "call", server.mcp, "hello"]
    with Terminal(command, environment(tmp_path) | browser.ENVIRONMENT) as terminal:
        assert terminal.ended() == 0, terminal.seen
    asked = [set(form["scope"].split()) for form in server.forms("authorize")]
    assert asked == [{"mcp:use", "offline_access"}, {"mcp:use", "mcp:admin", "offline_access"}]


@pytest.mark.behaviour("LOGIN-CALL")
def test_a_call_without_a_terminal_says_how_to_sign_in(server: Authorization, tmp_path: Path):
    done = skerry(tmp_path, "call", server.mcp, "hello", **browser.ENVIRONMENT)
    assert done.returncode == 1
    assert f"Run: skerry login {server.mcp}" in done.stderr
    assert "[SKY-202]" in done.stderr
    assert server.forms("authorize") == []


def proxy(home: Path, *words: str) -> StdioHost:
    return StdioHost(
        [*SKERRY, "proxy", *words], environment(home) | browser.ENVIRONMENT | {"SKERRY_STATE": str(home)}
    )


@pytest.mark.behaviour("LOGIN-PROXY")
async def test_a_proxy_opens_no_browser_unless_it_may(server: Authorization, tmp_path: Path):
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "h", "version": "1"}}
    async with proxy(tmp_path, server.mcp) as host:
        answer = await host.request("initialize", hello)
    text = json.dumps(answer["error"])
    assert f"skerry login {server.mcp}" in text
    assert "SKY-202" in text
    assert server.forms("authorize") == []

    async with proxy(tmp_path, server.mcp, "--login") as host:
        await host.initialize()
        assert (await host.call("hello"))["result"]["content"][0]["text"] == "hello"
    assert len(server.forms("authorize")) == 1

    async with proxy(tmp_path, server.mcp) as host:  # the next one has it kept
        await host.initialize()
        assert (await host.call("hello"))["result"]["content"][0]["text"] == "hello"
    command = f"{sys.executable} -m skerry token --target {server.mcp}"
    async with proxy(tmp_path, server.mcp, "--token-command", command) as host:
        await host.initialize()
        assert (await host.call("hello"))["result"]["content"][0]["text"] == "hello"
    assert len(server.forms("authorize")) == 1


@pytest.mark.behaviour("LOGIN-PROXY")
@pytest.mark.parametrize("named", [True, False])
async def test_a_proxys_client_finds_its_token_endpoint_by_the_challenge(
    server: Authorization, tmp_path: Path, named: bool
):
    server.names_metadata = named
    secret = tmp_path / "secret"
    secret.write_text("not a real secret")
    flags = ("--issuer", server.issuer, "--client-id", "service", "--client-secret-file", str(secret))
    async with proxy(tmp_path, server.mcp, *flags) as host:
        await host.initialize()
        assert (await host.call("hello"))["result"]["content"][0]["text"] == "hello"
    (form,) = server.forms("token")
    assert (form["grant_type"], form["resource"]) == ("client_credentials", server.mcp)
