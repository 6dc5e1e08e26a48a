"""What docs/deploy.md shows is what the commands print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from skerry import cli
from skerry.deploy.package.files import NEVER

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")


def test_the_plan_of_the_page_is_that_of_the_example(capsys: pytest.CaptureFixture[str]):
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert cli.main(["deploy", "plan", "--file", str(ROOT / "examples/own_team/skerry.toml")]) == 0
    assert capsys.readouterr().out.startswith(shown)


def test_the_names_that_hold_secrets_are_on_the_page():
    secret = [
        name for name in NEVER if name in (".env", ".env.*", ".aws", ".ssh", ".netrc", ".npmrc", ".pypirc")
    ]
    assert len(secret) == 7
    assert not [name for name in secret if f"`{name}`" not in PAGE]
