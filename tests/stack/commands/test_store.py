"""`skerry store` on both stores, as a person types it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from skerry import cli
from skerry.store.open import open_store
from skerry.store.records import Draft
from tests.kit.dynamodb import dynamodb

ID = "conversation-0000000000000000000000001"


def typed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(["store", *words])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def fill(url: str, lifetime: float = 1e6) -> None:
    store = open_store(url, clock=time.time, lifetime=lifetime)
    for number in (1, 2):
        made = store.create("user:ann", f"{ID}-{number}", title=f"Costs {number}")
        store.write(made, messages=[Draft(role="user", content=[{"text": "How much?"}])])
    store.close()


@pytest.mark.behaviour("ST-COMMAND")
def test_a_file_from_its_making_to_its_clearing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    monkeypatch.setenv("SKERRY_STORE", url)
    assert typed(capsys, "create")[:2] == (0, f"ready: {url}\n")
    fill(url)
    code, shown, error = typed(capsys, "list", "--owner", "user:ann", "--limit", "1")
    assert (code, f"{ID}-2  Costs 2\n" in shown, shown.count("\n")) == (0, True, 1)
    cursor = error.removeprefix("more: --cursor ").strip()
    page = json.loads(typed(capsys, "list", "--owner", "user:ann", "--cursor", cursor, "--json")[1])
    assert ([item["id"] for item in page["conversations"]], page["cursor"]) == ([f"{ID}-1"], "")
    assert json.loads(typed(capsys, "show", f"{ID}-1", "--owner", "user:ann", "--json")[1])["count"] == 1
    assert "title     Costs 1\n" in typed(capsys, "show", f"{ID}-1", "--owner", "user:ann")[1]
    assert "# Costs 1" in typed(capsys, "export", f"{ID}-1", "--owner", "user:ann")[1]
    exported = json.loads(typed(capsys, "export", f"{ID}-1", "--owner", "user:ann", "--format", "json")[1])
    assert exported["messages"][0]["content"] == [{"text": "How much?"}]
    assert typed(capsys, "delete", f"{ID}-1", "--owner", "user:ann")[0] == 0
    code, _, error = typed(capsys, "show", f"{ID}-1", "--owner", "user:ann")
    assert (code, "SKY-502" in error) == (1, True)
    assert typed(capsys, "list", "--owner", "user:ben")[1] == ""
    assert typed(capsys, "purge")[1] == "purged: 0 expired conversations\n"


@pytest.mark.behaviour("CLI-LOOK")
@pytest.mark.parametrize("words", [("list",), ("show", ID), ("export", ID), ("delete", ID), ("purge",)])
@pytest.mark.parametrize("named", [True, False])
def test_what_only_looks_at_a_store_makes_none(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    named: bool,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SKERRY_STORE", raising=False)
    monkeypatch.chdir(tmp_path)
    url = ("--url", f"sqlite:///{tmp_path}/no/such/store.db") if named else ()
    code, out, error = typed(capsys, *words, "--owner", "user:ann", *url)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert "there are no conversations in" in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.behaviour("ST-COMMAND")
def test_a_desks_state_directory_is_a_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SKERRY_STORE", raising=False)
    state = tmp_path / "a state"
    state.mkdir()
    code, _, error = typed(capsys, "list", "--owner", "user:ann", "--state", str(state))
    assert (code, "there are no conversations in" in error) == (2, True)
    fill(f"sqlite:///{tmp_path}/a%20state/conversations.db")
    code, shown, _ = typed(capsys, "list", "--owner", "user:ann", "--state", str(state))
    assert (code, shown.count(ID)) == (0, 2)
    monkeypatch.setenv("SKERRY_STATE", str(state))
    assert typed(capsys, "list", "--owner", "user:ann")[1] == shown
    monkeypatch.setenv("SKERRY_STORE", f"sqlite:///{tmp_path}/other.db")
    assert typed(capsys, "create")[0] == 0
    assert typed(capsys, "list", "--owner", "user:ann")[1:] == ("", "no conversations of user:ann here\n")


@pytest.mark.behaviour("ST-COMMAND")
def test_a_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ACCESS_KEY_ID": "testing",
        "SECRET_ACCESS_KEY": "testing",
        "REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    table = "dynamodb://aws-operations-agent-conversations-dev"
    with dynamodb() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        assert typed(capsys, "create", "--environment", "dev")[:2] == (0, f"created: {table}\n")
        again = json.loads(typed(capsys, "create", "--environment", "dev", "--json")[1])
        assert again == {"url": table, "created": False}
        fill(table)
        assert typed(capsys, "list", "--owner", "user:ann", "--url", table)[1].count(ID) == 2
        code, _, error = typed(capsys, "list", "--owner", "user:ann", "--url", f"{table}-2")
        assert (code, "skerry store create" in error) == (1, True)


@pytest.mark.parametrize("words", [("list",), ("show", "x"), ("export", "--owner", "user:ann")])
def test_what_is_missing_is_named(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, error = typed(capsys, *words, "--url", f"sqlite:///{tmp_path}/store.db")
    assert (code, "missing" in error, error.count("\n")) == (2, True, 1)
