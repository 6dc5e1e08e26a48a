"""`skerry token` in a stack that has nobody to ask as."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from skerry import cli
from skerry.stack.state import State


def test_a_realm_without_machines_is_told_as_that(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    realms = {"home": {"clients": {"cli": {"secret": ""}}, "token_endpoint": "http://127.0.0.1:1/token"}}
    with State(tmp_path).lock():
        State(tmp_path).publish({"pid": os.getpid(), "realms": realms, "default_realm": "home"})
        assert cli.main(["token", "--state", str(tmp_path)]) == 2
    assert "skerry login TARGET" in capsys.readouterr().err
