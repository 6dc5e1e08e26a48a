"""A person signs in at the desk's gateway with nothing but its name, and its tools know whose tenant it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.running import Running
from tests.kit.idp_visit import browser
from tests.kit.terminal import environment

pytestmark = pytest.mark.xdist_group("desk")


@pytest.mark.behaviour("STACK-OWN-URL")
def test_ann_signs_in_and_asks_for_her_tenants_account(desk: Running, tmp_path: Path):
    facts = json.loads((desk.state / "stack.json").read_text())
    password = facts["realms"]["desk"]["users"]["ann"]["password"]
    own = environment(tmp_path) | {"SKERRY_STATE": str(desk.state)} | browser("ann", password)
    signed_in = json.loads(skerry(own, "login", "desk-jwt", "--json"))
    assert signed_in["resource"] == facts["gateways"]["desk-jwt"]["url"]
    found = skerry(own, "call", "desk-jwt", "accounts___get_email", '{"account_id": "12345"}')
    assert found == "user@example.com\n"


def skerry(own: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "skerry", *words],
        env=own,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
