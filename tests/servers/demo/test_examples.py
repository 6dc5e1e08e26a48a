"""The two examples: a stdio server behind the bridge as a runtime, walked through over the proxy."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.journeys.running import Running, clean_environment, up

EXAMPLES = Path(__file__).parents[3] / "examples"
KINDS = ("stateful", "stateless")


@dataclass(frozen=True)
class Example:
    """A running example: its kind and its stack."""

    kind: str
    stack: Running


@pytest.fixture(scope="module", params=KINDS)
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    folder = tmp_path_factory.mktemp(request.param) / "example"
    shutil.copytree(EXAMPLES / f"bridge_{request.param}", folder)
    with up(folder) as stack:
        yield Example(request.param, stack)


@pytest.mark.xdist_group("bridge-examples")
@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.behaviour("DEMO-HOSTED")
def test_an_example_is_walked_through_from_end_to_end(example: Example, era: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "skerry", "smoke", "demo", "--era", era, "--json"],
        env=clean_environment() | example.stack.environment() | {"SKERRY_STATE": str(example.stack.state)},
        cwd=example.stack.folder,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    report = json.loads(done.stdout)
    assert done.returncode == 0, report
    assert report["mode"] == example.kind
    steps = {step["step"]: step["saw"] for step in report["steps"]}
    assert steps["whoami again"].startswith("the same sandbox")
    assert len(steps) == 7


def words(kind: str) -> list[str]:
    """The command of the image, with the interpreter of the tests and any free port."""
    text = (EXAMPLES / f"bridge_{kind}" / "Dockerfile").read_text(encoding="utf-8")
    command = json.loads(next(line[4:] for line in text.splitlines() if line.startswith("CMD ")))
    port = {"http": "--http-port", "mcp": "--mcp-port"}[command[command.index("--protocol") + 1]]
    at = command.index("--")
    assert command[0] == "skerry"
    assert command[at + 1] == "python"
    here = [sys.executable, "-m", "skerry", *command[1:at], "--host", "127.0.0.1", port, "0", "--json", "--"]
    return [*here, sys.executable, *command[at + 2 :]]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_command_of_the_image_serves_the_demo(kind: str) -> None:
    with subprocess.Popen(
        words(kind), env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as bridge:
        try:
            assert bridge.stdout is not None
            ready = next((line for line in bridge.stdout if line.startswith("{")), "{}")
            url = json.loads(ready)["urls"][0]
            async with Client(streamable_http_client(url)) as client:
                seen = await client.call_tool("whoami")
        finally:
            bridge.terminate()
    assert seen.structured_content is not None
    assert (seen.structured_content["calls"] == 1) == (kind == "stateful")


@pytest.mark.parametrize("kind", KINDS)
def test_image_and_program_start_the_same_thing(kind: str) -> None:
    dockerfile = (EXAMPLES / f"bridge_{kind}" / "Dockerfile").read_text(encoding="utf-8")
    program = (EXAMPLES / f"bridge_{kind}" / "server" / "main.py").read_text(encoding="utf-8")
    flags = re.search(r'"bridge", (.*?), "--"', dockerfile)
    assert flags is not None
    assert f'main(["bridge", {flags[1]}, "--", *SERVER])' in program
    assert f'"-m", "skerry.servers.demo", "{kind}"]' in program
