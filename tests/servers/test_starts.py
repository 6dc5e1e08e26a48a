"""How the servers start: a wrong setting is told before what takes time is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.kit.accounts_api import environment

HEAVY = ("fastmcp", "mcp", "pytfe", "boto3")
KEY = "k" * 32


def imported(words: list[str], more: dict[str, str]) -> tuple[int, str, set[str]]:
    """The exit code of a program, its last line, and which of HEAVY it imported."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", *words],
        env=environment(**more),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    lines = done.stderr.splitlines()
    names = {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}
    assert "skerry.settings" in names
    return done.returncode, lines[-1], names & set(HEAVY)


@pytest.mark.behaviour("SERVERS-CHECKED-FIRST")
@pytest.mark.parametrize(
    ("server", "more", "named"),
    [
        ("terraform http", {}, "SKERRY_TERRAFORM_ISSUER"),
        ("terraform stdio", {"SKERRY_TERRAFORM_CONCURRENCY": "0"}, "SKERRY_TERRAFORM_CONCURRENCY"),
        ("terraform stdio", {"SKERRY_TERRAFORM_STATE": "file"}, "SKERRY_TERRAFORM_STATE"),
        ("terraform stdio", {"SKERRY_TERRAFORM_STATE": "redis://h"}, "SKERRY_TERRAFORM_STATE_KEY"),
        (
            "terraform stdio",
            {"SKERRY_TERRAFORM_STATE": "dynamodb://t?regio=x", "SKERRY_TERRAFORM_STATE_KEY": KEY},
            "dynamodb://TABLE?region=REGION",
        ),
        ("terraform stdio", {"TFE_ADDRESS": "http://app.terraform.io"}, "TFE_ADDRESS"),
        ("accounts http", {}, "ACCOUNTS_ISSUER"),
        ("accounts stdio", {"ACCOUNTS_ISSUER": "http://127.0.0.1:1"}, "ACCOUNTS_API_URL"),
        ("guardrails http", {}, "GUARDRAILS_ID"),
        ("statements", {}, "STATEMENTS_ISSUER"),
    ],
)
def test_a_wrong_setting_is_told_before_heavy_imports(server: str, more: dict[str, str], named: str) -> None:
    name, *words = server.split()
    code, last, heavy = imported([f"skerry.servers.{name}", *words], more)
    assert (code, heavy) == (2, set())
    assert named in last


@pytest.mark.behaviour("SERVERS-CHECKED-FIRST")
def test_boto3_is_there_only_where_state_is_in_dynamodb() -> None:
    program = (
        "import sys, time\n"
        "from skerry.servers.terraform import server\n"
        "from skerry.servers.terraform.stores import open_sessions\n"
        "from skerry.settings import TerraformSettings\n"
        "for state in ('memory', 'dynamodb://t'):\n"
        f"    open_sessions(TerraformSettings(state=state, state_key=('{KEY}',)), time)\n"
        "    print('boto3' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
