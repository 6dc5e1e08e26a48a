"""Other people's stdio clients through `skerry proxy`: the MCP Inspector, the mcp SDK and FastMCP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance import suite
from tests.journeys.running import Running, clean_environment
from tests.kit import warm

pytestmark = pytest.mark.xdist_group("desk")

ERAS = ["legacy", "modern"]
TARGETS = ["desk", "desk-jwt"]
"""The same tools behind a signature and behind a token: the proxy finds out which it needs."""
HELLO, EMAIL = "aws___hello_world", "accounts___get_email"

PROGRAMS = {
    "mcp": """
import asyncio, sys
from mcp import StdioServerParameters
from mcp.client import Client
from mcp.client.stdio import stdio_client

async def main():
    mode, command, *arguments = sys.argv[1:]
    server = StdioServerParameters(command=command, args=arguments)
    async with Client(stdio_client(server), mode=mode) as client:
        print(*[tool.name for tool in (await client.list_tools()).tools])
        result = await client.call_tool("aws___hello_world", {"name": "Ada"})
        print(result.content[0].text)

asyncio.run(main())
""",
    "fastmcp": """
import asyncio, sys
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

async def main():
    mode, command, *arguments = sys.argv[1:]
    async with Client(StdioTransport(command, arguments), mode=mode) as client:
        print(*[tool.name for tool in await client.list_tools()])
        result = await client.call_tool("aws___hello_world", {"name": "Ada"})
        print(result.content[0].text)

asyncio.run(main())
""",
}


def proxy(desk: Running, target: str) -> list[str]:
    """What a person puts into the configuration of a host."""
    return [sys.executable, "-m", "skerry", "proxy", target, "--state", str(desk.state)]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("sdk", PROGRAMS)
def test_an_sdk_client_lists_and_calls_through_the_proxy(desk: Running, sdk: str, era: str, target: str):
    mode = {"legacy": "legacy", "modern": "2026-07-28"}[era]
    done = warm.run_text(PROGRAMS[sdk], mode, *proxy(desk, target), environment=clean_environment())
    assert done.returncode == 0, done.stderr
    names, answer = done.stdout.splitlines()[:2]
    assert {HELLO, EMAIL} < set(names.split())
    assert "Ada" in answer


@pytest.fixture(scope="module")
def inspector() -> Path:
    """The Inspector's command line, as `make conformance` and the continuous integration install it."""
    if not suite.installed():
        pytest.skip("the MCP Inspector is not here; make conformance installs it (it needs npm)")
    return suite.inspector()


def inspect(
    inspector: Path, era: str, command: list[str], *arguments: str, home: Path
) -> subprocess.CompletedProcess[str]:
    """One run of the Inspector, which keeps its files in `home`."""
    own = {"PATH": f"{suite.node().parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(home)}
    patient = ["--connect-timeout", "60000"]  # the tests share two processors with each other
    return subprocess.run(
        [inspector, "--cli", "--protocol-era", era, *patient, *command, *arguments, "--format", "json"],
        env=clean_environment() | own,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


CALL = ["--method", "tools/call", "--tool-name", HELLO, "--tool-arg", "name=Ada"]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("era", ERAS)
def test_the_inspector_lists_and_calls_through_the_proxy(
    desk: Running, inspector: Path, era: str, target: str, tmp_path: Path
):
    listed = inspect(inspector, era, proxy(desk, target), "--method", "tools/list", home=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert {HELLO, EMAIL} < {tool["name"] for tool in json.loads(listed.stdout)["result"]["tools"]}
    called = inspect(inspector, era, proxy(desk, target), *CALL, home=tmp_path)
    assert called.returncode == 0, called.stderr
    assert "Ada" in json.loads(called.stdout)["result"]["content"][0]["text"]


@pytest.mark.parametrize("era", ERAS)
def test_the_inspector_does_not_get_past_a_denied_tool(
    desk: Running, inspector: Path, era: str, tmp_path: Path
):
    denied = inspect(inspector, era, [*proxy(desk, "desk"), "--deny", "aws___*"], *CALL, home=tmp_path)
    assert denied.returncode == 5, denied.stderr  # its word for: no such tool
    assert "Hello" not in denied.stdout
