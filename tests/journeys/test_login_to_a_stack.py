"""A person signs in for a gateway and a runtime of a stack of their own, as README and docs/login.md say."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from skerry.auth.jwt.tokens import unverified_claims
from tests.journeys.running import Running, clean_environment, up
from tests.kit import browser
from tests.kit.stdio_host import StdioHost

FILE = """
[realms.home]
approve = "ann"
users.ann = { claims = { email = "ann@example.com" } }
clients.machine = { scopes = ["notes/use"], audiences = ["notes"] }

[realms.home.clients.cli]
token_endpoint_auth_method = "none"
application_type = "native"
grants = ["authorization_code", "refresh_token"]
redirect_uris = ["http://127.0.0.1/callback"]
scopes = ["notes/use", "openid", "email", "offline_access"]
audiences = ["${endpoint}/gateway/*"]

[gateways.notes]
authorizer = { realm = "home", audience = ["notes", "${url}"], scopes = ["notes/use"] }

[gateways.byclient]
authorizer = { realm = "home", clients = ["cli", "machine"] }
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("login")
    (folder / "skerry.toml").write_text(FILE)
    with up(
        folder, environment=browser.ENVIRONMENT | {"HOME": str(folder), "SKERRY_KEYRING": "0"}
    ) as running:
        yield running


def said(stack: Running, *words: str) -> dict[str, Any]:
    done = stack.skerry(*words, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.behaviour("STK-SIGN-IN")
@pytest.mark.parametrize("gateway", ["notes", "byclient"])
def test_a_person_signs_in_for_a_gateway_by_its_name(stack: Running, gateway: str):
    card = said(stack, "login", gateway, "--client-id", "cli", "--scope", "notes/use openid email")
    assert (card["identity"], card["lasting"]) == ("ann@example.com", True)
    token = stack.skerry("token", "--target", gateway).stdout.strip()
    assert unverified_claims(token)["aud"] == card["resource"]
    assert said(stack, "call", gateway, "list", "--auth", "browser")["tools"] == []

    said(stack, "idp", "clock", "--advance", "2h")  # the access token ends; the refresh token does not
    try:
        assert said(stack, "call", gateway, "list", "--auth", "browser")["tools"] == []
        assert stack.skerry("token", "--target", gateway).stdout.strip() != token
    finally:
        said(stack, "idp", "clock", "--reset")
    assert stack.skerry("logout", gateway).returncode == 0


@pytest.mark.behaviour("STK-CALL-CLIENT")
def test_a_call_is_made_by_the_listed_client_that_can_ask_for_itself(stack: Running):
    assert said(stack, "call", "byclient", "list")["tools"] == []
    by = [hop["identity"] for hop in stack.hops() if hop["operation"] == "tools/list"]
    assert "machine" in str(by[-1])


@pytest.mark.behaviour("STK-BY-URL")
async def test_the_proxy_knows_the_stack_by_a_url_too(stack: Running):
    url = stack.facts["gateways"]["notes"]["url"]
    command = [sys.executable, "-m", "skerry", "proxy", url]
    beside = clean_environment() | stack.beside | {"SKERRY_STATE": str(stack.state)}
    async with StdioHost(command, beside) as host:
        await host.initialize()
    by = [hop["identity"] for hop in stack.hops() if hop["operation"] == "initialize"]
    assert by[-1].startswith("machine@")


def test_a_public_client_is_no_machine(stack: Running):
    done = stack.skerry("token", "--client", "cli")
    assert done.returncode == 2
    assert "skerry login TARGET --client-id cli" in done.stderr


def test_without_a_runtime_a_chat_says_what_there_is(stack: Running):
    done = stack.skerry("chat", "--once", "hello")
    assert done.returncode == 2
    assert "the stack has no runtime. Declare one in skerry.toml: [runtimes.NAME]." in done.stderr


def test_nobody_else_reads_what_the_stack_keeps(stack: Running):
    if sys.platform != "win32":
        files = [file for file in stack.state.rglob("*") if file.is_file() and file.name != "lock"]
        assert {oct(file.stat().st_mode & 0o77) for file in files} == {"0o0"}
