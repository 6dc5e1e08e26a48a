"""mcp-remote, through which stdio hosts without OAuth reach a server, signs ann in and passes on what she may use."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conformance import suite
from tests.kit.guarded_gateway import REALMS, TOOL, System
from tests.kit.stdio_host import StdioHost

pytestmark = [
    pytest.mark.xdist_group("oauth"),
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere its browser is not that of BROWSER"),
]


@pytest.fixture
def program() -> Path:
    found = suite.mcp_remote()
    if found is None:
        pytest.skip(
            "mcp-remote is not here; python -m tests.conformance --install installs it (it needs npm)"
        )
    return found


def remote(system: System, program: Path, url: str, home: Path, *words: str) -> StdioHost:
    """mcp-remote for a gateway; it keeps what it knows in `home`."""
    command = [str(suite.node()), str(program), url, "--auth-timeout", "60", *words]
    own = {
        "MCP_REMOTE_CONFIG_DIR": str(home),
        "PATH": f"{suite.node().parent}{os.pathsep}{system.environment['PATH']}",
    }
    return StdioHost(command, {**system.environment, **own}, within=90)


async def called(host: StdioHost, text: str) -> str:
    await host.initialize()
    answer = await host.call(TOOL, {"text": text})
    assert "result" in answer, answer
    return str(answer["result"]["content"][0]["text"])


@pytest.mark.behaviour("OAUTH-CLIENTS-MCP-REMOTE")
@pytest.mark.parametrize("protocol", ["legacy", "auto"])
@pytest.mark.parametrize("gateway", REALMS)
async def test_it_registers_signs_in_and_calls_and_asks_nobody_the_next_time(
    system: System, program: Path, tmp_path: Path, gateway: str, protocol: str
):
    url = system.gateways[gateway]
    async with remote(system, program, url, tmp_path, "--protocol", protocol) as host:
        assert await called(host, "first") == "first", host.stderr.decode()
    alone = replace(system, environment={**system.environment, "BROWSER": "false"})
    async with remote(alone, program, url, tmp_path, "--protocol", protocol) as host:
        assert await called(host, "second") == "second", host.stderr.decode()


@pytest.mark.behaviour("OAUTH-CLIENTS-AUDIENCE")
@pytest.mark.parametrize("spelling", ["/", "?tab=1"])
async def test_another_spelling_of_the_url_leads_to_the_same_audience(
    system: System, program: Path, tmp_path: Path, spelling: str
):
    async with remote(system, program, system.gateways["scoped"] + spelling, tmp_path) as host:
        assert await called(host, "first") == "first", host.stderr.decode()


@pytest.mark.behaviour("GW-405")
async def test_it_signs_in_though_something_else_has_its_callback_port(
    system: System, program: Path, tmp_path: Path
):
    url = system.gateways["tools"] + "?busy=1"
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # then something else has it indeed
            taken.bind(("127.0.0.1", own_port(url)))
            taken.listen()
        async with remote(system, program, url, tmp_path, "--protocol", "legacy") as host:
            assert await called(host, "first") == "first", host.stderr.decode()


def own_port(url: str) -> int:
    """The callback port that mcp-remote derives from a URL."""
    digest = hashlib.md5(url.encode(), usedforsecurity=False).hexdigest()
    return 3335 + int(digest[:4], 16) % 45816
