"""The mcp SDK's and FastMCP's clients sign ann in by what the gateway tells them, and by nothing else."""

from __future__ import annotations

import pytest

from tests.kit import warm
from tests.kit.guarded_gateway import REALMS, System

pytestmark = [pytest.mark.xdist_group("oauth"), pytest.mark.timeout(120)]
MODES = ["legacy", "2026-07-28"]
CLIENTS = "tests.journeys.oauth.clients"


def client(system: System, name: str, *words: str) -> list[str]:
    """What a client's program printed, line by line."""
    done = warm.run(f"{CLIENTS}.{name}", *words, environment=system.environment)
    assert done.returncode == 0, done.stderr[-6000:]
    return done.stdout.splitlines()


@pytest.mark.behaviour("OAUTH-CLIENTS-REGISTRATION", "OAUTH-CLIENTS-AUDIENCE")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("gateway", REALMS)
def test_the_mcp_sdk_registers_signs_in_and_calls(system: System, gateway: str, mode: str):
    first, second, client_id = client(system, "mcp_sdk", system.gateways[gateway], mode)
    assert (first, second) == ("first", "second")
    assert "://" not in client_id


@pytest.mark.behaviour("OAUTH-CLIENTS-REGISTRATION")
@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
def test_the_mcp_sdk_registers_with_any_method(system: System, method: str):
    words = (system.gateways["scoped"], "2026-07-28", "--method", method)
    assert client(system, "mcp_sdk", *words)[:2] == ["first", "second"]


@pytest.mark.behaviour("OAUTH-CLIENTS-DOCUMENT")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("gateway", REALMS)
def test_the_mcp_sdk_signs_in_by_its_document(system: System, gateway: str, mode: str):
    document = system.document
    said = client(system, "mcp_sdk", system.gateways[gateway], mode, "--document", document.url)
    assert said == ["first", "second", document.url]
    assert "/client.json" in document.asked


@pytest.mark.behaviour("OAUTH-CLIENTS-REGISTRATION")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("gateway", REALMS)
def test_fastmcp_registers_signs_in_and_calls(system: System, gateway: str, mode: str):
    assert client(system, "fastmcp_client", system.gateways[gateway], mode) == ["first"]


@pytest.mark.behaviour("OAUTH-CLIENTS-DOCUMENT")
@pytest.mark.parametrize("mode", MODES)
def test_fastmcp_signs_in_by_its_document(system: System, mode: str):
    words = (system.gateways["tools"], mode, system.document.url)
    assert client(system, "fastmcp_client", *words) == ["first"]


@pytest.mark.behaviour("OAUTH-CLIENTS-REGISTRATION")
@pytest.mark.parametrize("gateway", REALMS)
def test_authlib_finds_registers_signs_in_calls_and_refreshes(system: System, gateway: str):
    pytest.importorskip("authlib.integrations.requests_client")
    assert client(system, "authlib_client", system.gateways[gateway]) == ["first", "second"]


@pytest.mark.behaviour("OAUTH-CLIENTS-AUDIENCE")
@pytest.mark.parametrize("spelling", ["/", "?tab=1"])
@pytest.mark.parametrize("name", ["mcp_sdk", "fastmcp_client"])
def test_another_spelling_of_the_url_leads_to_the_same_audience(system: System, name: str, spelling: str):
    said = client(system, name, system.gateways["scoped"] + spelling, "2026-07-28")
    assert said[0] == "first"
