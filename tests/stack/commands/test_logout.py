"""`skerry logout NAME` and `--all` while no stack runs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from skerry import cli
from skerry.auth.login.grant import Grant
from skerry.auth.login.kept import Kept
from skerry.errors import ConfigurationError, NotRunningError
from skerry.stack.commands.logout import kept_url

URL = "http://127.0.0.1:9/gateway/notes-0123456789/mcp"
ISSUER = "http://127.0.0.1:9/home"


async def signed_in(folder: Path, url: str, name: str, state: Path) -> Kept:
    kept = Kept(folder, use_keyring=False)
    grant = Grant("t", "", None, "ann", ISSUER, "cli", url)
    await kept.keep(url, grant, name=name, state=str(state.resolve()))
    return kept


@pytest.mark.behaviour("CLI-LOGOUT-NAME")
async def test_a_name_is_that_of_the_stack_it_was_used_at(tmp_path: Path):
    one, two = tmp_path / "one", tmp_path / "two"
    await signed_in(tmp_path, URL, "notes", one)
    kept = await signed_in(tmp_path, f"{URL}2", "notes", two)
    assert kept_url("notes", one, kept.all()) == URL
    assert kept_url("notes", two, kept.all()) == f"{URL}2"
    with pytest.raises(ConfigurationError, match="several stacks") as caught:
        kept_url("notes", tmp_path / "three", kept.all())
    assert URL in caught.value.hint
    with pytest.raises(NotRunningError) as unknown:
        kept_url("nots", one, kept.all())
    assert "notes" in unknown.value.hint


@pytest.mark.behaviour("CLI-LOGOUT-NAME")
@pytest.mark.parametrize("words", [["notes"], ["--all"], [f"{URL}?tab=1"]])
def test_a_sign_in_is_forgotten_without_a_stack(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("SKERRY_KEYRING", "0")
    kept = asyncio.run(signed_in(tmp_path / "skerry" / "tokens", URL, "notes", tmp_path / "state"))
    assert cli.main(["logout", *words, "--state", str(tmp_path / "state"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"resource": URL, "signed_out": True, "revoked": False}]
    assert kept.all() == []
