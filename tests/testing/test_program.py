"""A command of skerry in a process of its own: its surroundings, and what it reports."""

from __future__ import annotations

import os

import pytest

from skerry.errors import ConfigurationError, NotRunningError, ProgramError, SkerryError
from skerry.testing.program import reported, run, surroundings


@pytest.mark.behaviour("TEST-OWN")
def test_nothing_that_steers_aws_or_skerry_reaches_a_stack_unless_it_is_given():
    own = {"PATH": "/bin", "AWS_PROFILE": "live", "AWS_SECRET_ACCESS_KEY": "x", "SKERRY_STATE": "/elsewhere"}
    found = surroundings(own, {"SKERRY_MODELS": "aws", "AWS_REGION": "eu-west-1"})
    assert found["PATH"] == "/bin"
    assert {name: value for name, value in found.items() if name.startswith(("AWS_", "SKERRY_"))} == {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": "eu-west-1",
        "SKERRY_MODELS": "aws",
    }


@pytest.mark.parametrize(
    ("code", "kind"),
    [("SKY-101", ConfigurationError), ("SKY-106", NotRunningError), ("SKY-102", SkerryError)],
)
def test_what_a_command_reports_is_raised_again(code: str, kind: type[Exception]):
    text = f'a warning\n{{"error": {{"code": "{code}", "message": "it is wrong.", "hint": "Mend it."}}}}\n'
    found = reported(text)
    assert isinstance(found, kind)
    assert found.code == code
    assert str(found) == "it is wrong. Mend it."


@pytest.mark.parametrize("text", ["", "skerry up: words [SKY-101]", "[]", '{"error": 1}', '{"error": {}}'])
def test_other_words_are_no_report(text: str):
    assert reported(text) is None


def test_a_command_that_fails_raises_its_own_error(tmp_path):
    around = surroundings(os.environ, {"SKERRY_STATE": str(tmp_path)})
    with pytest.raises(NotRunningError, match=r"no stack runs on the state directory .*skerry up"):
        run(["env", "--json"], around, timeout=60)


def test_an_error_that_is_told_in_words_keeps_them(tmp_path):
    around = surroundings(os.environ, {"SKERRY_STATE": str(tmp_path)})
    with pytest.raises(ProgramError, match=r"skerry env ended with 1: .*no stack runs.*SKY-106"):
        run(["env"], around, timeout=60)


def test_a_command_that_does_not_end_is_ended():
    with pytest.raises(ProgramError, match=r"skerry env did not end within 0\.001 s"):
        run(["env"], surroundings(os.environ, {}), timeout=0.001)
