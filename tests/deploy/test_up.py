"""`skerry deploy up`, on a CloudFormation in memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skerry.deploy.account.records import Stack
from skerry.deploy.declared import Deployment, load
from skerry.deploy.face import Face
from skerry.deploy.package.make import Package
from skerry.deploy.template.platforms import Platform
from skerry.deploy.up import Deploying, key, startable
from skerry.errors import ConfigurationError, RemoteError
from tests.deploy.formation import MemoryFormation, MemoryStore

TEXT = """
[runtimes.a]
path = "code"

[gateways.g]
authorizer = { discovery_url = "https://login.example/.well-known/openid-configuration", audience = ["${url}"] }

[gateways.g.targets.a]
runtime = "a"
"""
OUTPUTS = {"GatewayGUrl": "https://g.example/mcp", "RuntimeAArn": "arn:a"}


@pytest.fixture
def made(tmp_path: Path) -> Deployment:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/main.py").write_text("")
    (tmp_path / "skerry.toml").write_text(TEXT)
    return load(tmp_path / "skerry.toml", Platform())


@pytest.fixture
def packages(made: Deployment, tmp_path: Path) -> list[Package]:
    file = tmp_path / "runtime-a-0123.zip"
    file.write_bytes(b"zip")
    return [Package(one, file, 3, 3) for one in made.draft.codes]


def deploy(
    formation: MemoryFormation,
    store: MemoryStore,
    made: Deployment,
    packages: list[Package],
    *,
    yes: bool = True,
    dry_run: bool = False,
    as_json: bool = False,
) -> int:
    deploying = Deploying(formation, Face(as_json=as_json, color=False), made, store, role="")
    filled = {"CodeBucket": store.name, "AgentCoreEndpoint": ""}
    filled |= {one.code.parameter: key(one) for one in packages}
    return deploying.run("team", formation.stack("team"), {}, filled, packages, yes=yes, dry_run=dry_run)


@pytest.mark.behaviour("DEPLOY-UP")
def test_a_new_stack_gets_its_packages_and_says_what_it_is(
    made: Deployment, packages: list[Package], capsys: pytest.CaptureFixture[str]
):
    formation, store = MemoryFormation(outputs={"RuntimeAArn": "arn:a"}), MemoryStore()
    assert deploy(formation, store, made, packages) == 0
    assert store.kept == {"skerry/runtime-a-0123.zip": b"zip"}
    first = formation.proposals[0]
    assert (first.new, first.parameters["RuntimeACode"]) == (True, "skerry/runtime-a-0123.zip")
    shown = capsys.readouterr().out
    assert "+ RuntimeA " in shown
    assert "arn:a" in shown
    assert "skerry deploy env" in shown


@pytest.mark.behaviour("DEPLOY-OWN-URL")
def test_what_is_its_own_audience_is_told_its_url_in_a_second_change(
    made: Deployment, packages: list[Package]
):
    formation = MemoryFormation(outputs=OUTPUTS)
    deploy(formation, MemoryStore(), made, packages)
    assert formation.done == ["execute", "execute"]
    assert "GatewayGOwnUrl" not in formation.proposals[0].parameters
    assert formation.proposals[1].parameters["GatewayGOwnUrl"] == "https://g.example/mcp"
    formation.done.clear()
    deploy(formation, MemoryStore(), made, packages)  # it is kept, so nothing differs
    assert formation.done == ["discard"]


@pytest.mark.behaviour("DEPLOY-NO-CHANGES")
def test_nothing_to_change_is_success_and_uploads_nothing(
    made: Deployment, packages: list[Package], capsys: pytest.CaptureFixture[str]
):
    formation, store = MemoryFormation(), MemoryStore()
    deploy(formation, store, made, packages)
    other = MemoryStore()
    assert deploy(formation, other, made, packages) == 0
    assert not other.kept
    assert "already" in capsys.readouterr().out


@pytest.mark.behaviour("DEPLOY-CONSENT")
def test_a_dry_run_and_a_person_who_cannot_be_asked_change_nothing(
    made: Deployment, packages: list[Package], capsys: pytest.CaptureFixture[str]
):
    formation, store = MemoryFormation(), MemoryStore()
    assert deploy(formation, store, made, packages, dry_run=True, as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert {
        "action": "Add",
        "id": "RuntimeA",
        "type": "AWS::BedrockAgentCore::Runtime",
        "replaces": "",
    } in found["changes"]
    with pytest.raises(ConfigurationError) as error:
        deploy(formation, store, made, packages, yes=False, as_json=True)
    assert "--yes" in error.value.hint
    assert formation.done == ["discard", "discard"]
    assert (store.there, store.kept, formation.stacks) == (False, {}, {})


@pytest.mark.behaviour("DEPLOY-FAILURE")
def test_a_failed_stack_is_told_by_its_first_own_failure(made: Deployment, packages: list[Package]):
    formation = MemoryFormation(breaks={"RuntimeA": "The code cannot be read"})
    with pytest.raises(RemoteError) as error:
        deploy(formation, MemoryStore(), made, packages)
    assert "RuntimeA (AWS::X::Y): The code cannot be read" in error.value.message
    assert "deleted before the next try" in error.value.hint


@pytest.mark.behaviour("DEPLOY-FAILURE")
def test_a_stack_that_can_only_be_deleted_is_deleted_with_consent(capsys: pytest.CaptureFixture[str]):
    stuck = Stack("id-of-team", "team", "ROLLBACK_COMPLETE")
    formation = MemoryFormation(stacks={"team": stuck})
    with pytest.raises(ConfigurationError, match="Delete the stack team first"):
        startable(formation, "team", Face(as_json=True, color=False), yes=False)
    with pytest.raises(ConfigurationError, match="can only be deleted"):
        startable(formation, "team", Face(as_json=False, color=False), yes=True, dry_run=True)
    assert formation.done == []
    assert startable(formation, "team", Face(as_json=False, color=False), yes=True) is None
    assert formation.done == ["delete"]
    assert "ROLLBACK_COMPLETE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("status", "said"),
    [("UPDATE_IN_PROGRESS", "changes it now"), ("UPDATE_ROLLBACK_FAILED", "UPDATE_ROLLBACK_FAILED")],
)
def test_a_stack_that_takes_no_change_is_left_alone(status: str, said: str):
    formation = MemoryFormation(stacks={"team": Stack("id-of-team", "team", status)})
    with pytest.raises(RemoteError, match=said):
        startable(formation, "team", Face(as_json=False, color=False), yes=True)
    assert formation.done == []


def test_a_long_template_goes_by_way_of_the_bucket(made: Deployment, packages: list[Package]):
    made.template["Metadata"] = {"long": "x" * 60_000}
    store = MemoryStore()
    with pytest.raises(ConfigurationError, match="there is no bucket"):
        deploy(MemoryFormation(), store, made, packages, dry_run=True)
    formation = MemoryFormation()
    deploy(formation, store, made, packages)
    assert formation.proposals[0].template.startswith("https://packages.example/skerry/template-")
    assert len(store.kept) == 2
