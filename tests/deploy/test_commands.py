"""The commands that ask nobody: plan, template and package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skerry import cli
from skerry.deploy.naming import stack_name
from tests.deploy.kit import EVERYTHING

TEAM = '[runtimes.a]\npath = "code"\n[functions.f]\npath = "code"\nhandler = "main.f"\n'


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "team"
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "main.py").write_text("")
    (folder / "skerry.toml").write_text(TEAM)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("SKERRY_FILE", raising=False)
    return folder


def test_the_template_goes_to_standard_output_or_to_a_file(team: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["deploy", "template"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {"RuntimeA", "FunctionF"} < shown["Resources"].keys()
    assert cli.main(["deploy", "template", "--output", "team.yaml"]) == 0
    assert "team.yaml: 4 resources" in capsys.readouterr().out
    assert (team / "team.yaml").read_text().startswith("AWSTemplateFormatVersion")
    assert cli.main(["deploy", "template", "--output", "team.txt"]) == 2
    assert ".yaml or .json" in capsys.readouterr().err


def test_a_plan_says_who_gives_which_parameter(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["deploy", "plan", "--json", "--file", str(EVERYTHING)]) == 0
    found = json.loads(capsys.readouterr().out)
    given_by = {one["name"]: one["given_by"] for one in found["parameters"]}
    assert given_by["RuntimeAssistantCode"] == given_by["CodeBucket"] == "skerry deploy up"
    assert given_by["RealmHomeDiscoveryUrl"] == given_by["SecretPetsName"] == "you"
    assert given_by["RealmHomeClientAppId"] == given_by["NamePrefix"] == "default"
    needed = [one for one in found["parameters"] if one["given_by"] == "you"]
    assert all(one["reason"] and one["next"] for one in needed)
    assert cli.main(["deploy", "plan", "--file", str(EVERYTHING)]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {one['name']}\n" in shown for one in needed)
    assert "Not taken along:" in shown


def test_packages_of_a_file_or_of_one_runtime(team: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["deploy", "package", "--json", "--no-dependencies"]) == 0
    found = json.loads(capsys.readouterr().out)["packages"]
    assert [one["name"] for one in found] == ["f", "a"]
    assert all(Path(one["file"]).parent == Path(".skerry-packages") for one in found)
    assert cli.main(["deploy", "package", "--runtime", "a", "--output", "out"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("runtime a: ")
    assert "no requirements.txt" in shown
    assert cli.main(["deploy", "package", "--runtime", "b"]) == 2
    assert "Known: f, a" in capsys.readouterr().err


def test_runtimes_are_not_packaged_for_another_architecture(team: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["deploy", "package", "--architecture", "x86_64"]) == 2
    assert "AgentCore runs arm64" in capsys.readouterr().err
    (team / "skerry.toml").write_text('[functions.f]\npath = "code"\nhandler = "main.f"\n')
    assert cli.main(["deploy", "template", "--architecture", "x86_64"]) == 0
    assert '"x86_64"' in capsys.readouterr().out


def test_no_file_is_told_with_the_option(team: Path, capsys: pytest.CaptureFixture[str]):
    (team / "skerry.toml").unlink()
    assert cli.main(["deploy", "plan"]) == 2
    assert "--file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("folder", "expected"),
    [("own_team", "own-team"), ("42", "skerry-42"), ("a.b c", "a-b-c"), ("ü", "skerry")],
)
def test_a_stack_is_called_as_the_folder(tmp_path: Path, folder: str, expected: str):
    assert stack_name("", tmp_path / folder / "skerry.toml") == expected
    assert stack_name("mine", tmp_path / folder / "skerry.toml") == "mine"
