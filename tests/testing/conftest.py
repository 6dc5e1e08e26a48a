from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from skerry.testing import Stack, running

AGENT = """
from bedrock_agentcore import BedrockAgentCoreApp

app = BedrockAgentCoreApp()

@app.entrypoint
def answer(payload):
    if payload.get("wrong"):
        raise ValueError("the agent does not know " + payload["wrong"])
    return {"echo": payload}

app.run()
"""
DECLARED = """
[runtimes]
echo = { path = "echo.py" }

[realms.desk]
clients.batch = { scopes = ["desk/use"], audiences = ["first", "second"] }

[gateways.tools]
authorizer = { realm = "desk", audience = ["second"] }
"""


def team(folder: Path, **tests: str) -> Path:
    """A team's folder: an agent, its skerry.toml, and the tests by their names. Returns skerry.toml."""
    (folder / "echo.py").write_text(AGENT)
    (folder / "pytest.ini").write_text("[pytest]\n")
    for name, text in tests.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
    file = folder / "skerry.toml"
    file.write_text(DECLARED)
    return file


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack as users of `skerry.testing` have it."""
    with running(team(tmp_path_factory.mktemp("team"))) as found:
        yield found
