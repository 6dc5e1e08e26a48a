"""Events as they come, and how a stack ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from skerry.deploy.account.records import Event, Stack
from skerry.deploy.down import delete
from skerry.deploy.env import environment
from skerry.deploy.face import Face
from skerry.deploy.progress import Watch, failed, going_on
from skerry.errors import RemoteError
from tests.deploy.formation import MemoryFormation

MOVING = Stack("id-of-team", "team", "CREATE_IN_PROGRESS")


def test_events_are_shown_once_from_the_beginning_of_the_watch_on():
    formation = MemoryFormation(stacks={"team": MOVING})
    formation.log.append(Event("0", "old", "T", "CREATE_COMPLETE"))
    shown: list[str] = []

    def later(seconds: float) -> None:
        """CloudFormation works while nobody looks."""
        formation.log.append(
            Event(str(len(formation.log)), f"new{len(formation.log)}", "T", "CREATE_COMPLETE")
        )
        if len(formation.log) == 3:
            formation.stacks["team"] = replace(MOVING, status="CREATE_COMPLETE")

    watch = Watch(formation, lambda event: shown.append(event.name), pause=later)
    watch.begin("team")
    ended = watch.end("team")
    assert ended is not None
    assert ended.good
    assert shown == ["new1", "new2"]


@pytest.mark.behaviour("DEPLOY-INTERRUPTED")
def test_ctrl_c_ends_the_watching_and_says_that_aws_goes_on(capsys: pytest.CaptureFixture[str]):
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    watch = Watch(MemoryFormation(stacks={"team": MOVING}), lambda event: None, pause=interrupted)
    with pytest.raises(KeyboardInterrupt), going_on():
        watch.end("team")
    assert "goes on" in capsys.readouterr().err


def test_what_cannot_be_deleted_is_named():
    stack = Stack("id-of-team", "team", "CREATE_COMPLETE")
    formation = MemoryFormation(stacks={"team": stack}, breaks={"delete": "not empty"})
    with pytest.raises(RemoteError, match=r"Bucket.*not empty") as error:
        delete(formation, Face(as_json=True, color=False), stack, "")
    assert "deploy down" in error.value.hint


def test_a_stack_that_went_back_is_as_it_was():
    error = failed("team", Stack("i", "team", "UPDATE_ROLLBACK_COMPLETE"), "R: why.")
    assert str(error).startswith("the stack team is UPDATE_ROLLBACK_COMPLETE: R: why. The stack is as it was")


@pytest.mark.parametrize(
    ("endpoint", "profile", "expected"),
    [
        ("https://cloudformation.eu-central-1.amazonaws.com", "", {}),
        ("https://cloudformation.eu-central-1.amazonaws.com", "dev", {"AWS_PROFILE": "dev"}),
        ("http://127.0.0.1:4700", "", {"AWS_ENDPOINT_URL": "http://127.0.0.1:4700"}),
    ],
)
@pytest.mark.behaviour("DEPLOY-ENV")
def test_the_environment_of_a_stack(endpoint: str, profile: str, expected: dict[str, str]):
    outputs = {"SkerryGatewayUrl": "https://g", "SkerryRuntimeArn": "arn:r", "GatewayGUrl": "https://g"}
    assert environment(outputs, "eu-central-1", endpoint, profile) == {
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "SKERRY_GATEWAY_URL": "https://g",
        "SKERRY_RUNTIME_ARN": "arn:r",
        **expected,
    }
