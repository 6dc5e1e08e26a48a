"""`skerry login` at a gateway whose realm knows no client beforehand; then call and proxy use the sign-in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.guarded_gateway import REALMS, TOOL, System
from tests.kit.stdio_host import StdioHost
from tests.kit.terminal import environment

pytestmark = [pytest.mark.xdist_group("oauth"), pytest.mark.timeout(120)]
SKERRY = (sys.executable, "-m", "skerry")


@pytest.mark.behaviour("OAUTH-CLIENTS-SKERRY")
@pytest.mark.parametrize("spelling", ["", "/"])
@pytest.mark.parametrize("gateway", REALMS)
async def test_login_then_call_and_proxy(system: System, tmp_path: Path, gateway: str, spelling: str):
    url = system.gateways[gateway] + spelling
    visitor = ("BROWSER", "VISITOR_NAME", "VISITOR_PASSWORD")
    own = environment(tmp_path) | {name: system.environment[name] for name in visitor}
    signed_in = skerry(own, "login", url, "--json")
    assert json.loads(signed_in)["issuer"] == system.issuers[REALMS[gateway]]
    own["BROWSER"] = "false"
    assert skerry(own, "call", url, TOOL, "text=first") == "first\n"
    async with StdioHost(
        [*SKERRY, "proxy", url, "--auth", "bearer"], own | {"SKERRY_STATE": str(tmp_path)}
    ) as host:
        await host.initialize()
        answer = await host.call(TOOL, {"text": "second"})
        assert answer["result"]["content"][0]["text"] == "second"


def skerry(own: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [*SKERRY, *words],
        env=own,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
