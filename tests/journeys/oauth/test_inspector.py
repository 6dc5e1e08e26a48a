"""The MCP Inspector at a protected gateway: it says that a sign-in is missing, signs in, and then does without."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from skerry.sockets import spare_port
from tests.conformance import suite
from tests.kit.guarded_gateway import REALMS, TOOL, System

pytestmark = [pytest.mark.xdist_group("oauth"), pytest.mark.timeout(180)]
AUTH_REQUIRED = 3
"""Its exit code for `auth_required`."""
CALL = ("--method", "tools/call", "--tool-name", TOOL, "--tool-arg", "text=hi")


@pytest.fixture
def inspector() -> Path:
    if not suite.installed():
        pytest.skip("the MCP Inspector is not here; make conformance installs it (it needs npm)")
    return suite.inspector()


def inspect(
    system: System, inspector: Path, url: str, era: str, *words: str, home: Path
) -> subprocess.CompletedProcess[str]:
    path = f"{suite.node().parent}{os.pathsep}{os.environ['PATH']}"
    own = {"PATH": path, "HOME": str(home)}
    own |= {"MCP_AUTO_OPEN_ENABLED": "true", "MCP_INSPECTOR_SECRET_STORE": "file"}  # no terminal, no keychain
    usual = ["--protocol-era", era, "--connect-timeout", "60000", "--format", "json"]
    return subprocess.run(
        [inspector, "--cli", url, *usual, *CALL, *words],
        env={**system.environment, **own},
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@pytest.mark.behaviour("OAUTH-CLIENTS-INSPECTOR")
@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("gateway", REALMS)
def test_it_says_that_a_sign_in_is_missing_signs_in_and_then_does_without(
    system: System, inspector: Path, gateway: str, era: str, tmp_path: Path
):
    url = system.gateways[gateway]
    done = inspect(system, inspector, url, era, "--stored-auth-only", home=tmp_path)
    assert done.returncode == AUTH_REQUIRED, done.stderr
    assert "auth_required" in done.stdout + done.stderr
    callback = f"http://127.0.0.1:{spare_port()}/oauth/callback"
    done = inspect(system, inspector, url, era, "--callback-url", callback, home=tmp_path)
    assert said(done) == "hi"
    done = inspect(system, inspector, url, era, "--stored-auth-only", home=tmp_path)
    assert said(done) == "hi"


def said(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["result"]["content"][0]["text"])
