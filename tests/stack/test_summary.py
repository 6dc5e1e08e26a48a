"""What `skerry up` prints when it is ready."""

import pytest

from skerry.stack.resources import Resource
from skerry.stack.summary import public, summary


def test_function_urls_are_shown_and_functions_without_one_are_not():
    known = {
        "service": {"arn": "arn:s", "url": "http://127.0.0.1:1/function-urls/a/", "auth": "iam"},
        "quiet": {"arn": "arn:q"},
    }
    running = {
        "endpoint": "http://127.0.0.1:1", "region": "us-east-1", "file": "f", "state": "s", "models": "m",
        "runtimes": {}, "gateways": {}, "realms": {}, "guardrails": {}, "services": {}, "functions": known,
    }  # fmt: skip
    shown = summary(running, 1.0)
    assert "function URLs\n  service            iam   http://127.0.0.1:1/function-urls/a/\n" in shown
    assert "quiet" not in shown


def test_long_names_stay_in_their_column():
    known = {
        "ops": {"auth": "iam", "arn": "arn:o"},
        "a_runtime_with_a_long_name": {"auth": "jwt", "arn": "arn:l"},
    }
    running = {
        "endpoint": "http://127.0.0.1:1", "region": "us-east-1", "file": "f", "state": "s", "models": "m",
        "runtimes": known, "gateways": {}, "realms": {}, "guardrails": {}, "services": {}, "functions": {},
    }  # fmt: skip
    lines = summary(running, 1.0).splitlines()
    short, long = (line for line in lines if line.endswith(("arn:o", "arn:l")))
    assert short.index("arn:") == long.index("arn:")


@pytest.mark.parametrize(
    ("runtimes", "gateways", "step"),
    [
        ({"ops": {"auth": "iam", "arn": "a"}}, {}, "skerry chat"),
        ({}, {"notes": {"auth": "jwt", "url": "u"}}, "skerry call notes list"),
        ({}, {}, "skerry chat"),
        ({"web": {"auth": "iam", "arn": "a", "protocol": "MCP"}}, {}, "skerry call web list"),
        (
            {"web": {"auth": "iam", "arn": "a", "protocol": "MCP"}, "ops": {"auth": "iam", "arn": "a"}},
            {},
            "skerry chat --agent ops",
        ),
    ],
)
def test_the_next_step_has_something_to_talk_with(runtimes, gateways, step):
    running = {
        "endpoint": "http://127.0.0.1:1", "region": "us-east-1", "file": "f", "state": "s", "models": "m",
        "runtimes": runtimes, "gateways": gateways, "realms": {}, "guardrails": {}, "services": {},
        "functions": {},
    }  # fmt: skip
    assert f"next, in another terminal:   {step} --state s\n" in summary(running, 1.0)


@pytest.mark.behaviour("CLI-FAILED")
def test_what_failed_stands_above_the_next_step():
    running = {
        "endpoint": "http://127.0.0.1:1", "region": "us-east-1", "file": "f", "state": "s", "models": "m",
        "runtimes": {}, "gateways": {}, "realms": {}, "guardrails": {}, "services": {}, "functions": {},
        "problems": [
            Resource(kind="target", name="g/t", status="FAILED", reason="no such host").shown() | {"failed": True}
        ],
    }  # fmt: skip
    shown = summary(running, 1.0)
    assert "\nFAILED\n  target g/t  FAILED\n    no such host\n    Mend it" in shown
    assert shown.index("no such host") < shown.index("next, in another terminal")


@pytest.mark.behaviour("OBS-TOLD")
@pytest.mark.behaviour("OBS-OTHERS")
def test_who_gets_spans_and_what_could_not_be_used_stand_in_the_ready_lines():
    running = {
        "endpoint": "http://127.0.0.1:1", "region": "us-east-1", "file": "f", "state": "s", "models": "m",
        "runtimes": {}, "gateways": {}, "realms": {}, "guardrails": {}, "services": {}, "functions": {},
    }  # fmt: skip
    assert "spans" not in summary(running | {"spans_to": "", "warnings": []}, 1.0)
    assert "are sent to traces.example:4318\n" in summary(running | {"spans_to": "traces.example:4318"}, 1.0)
    assert "\nwarning: no spans are sent: why\n" in summary(
        running | {"warnings": ["no spans are sent: why"]}, 1.0
    )
    shown = public(running | {"spans_to": "h", "warnings": ["w"], "secret_access_key": "k"})
    assert (shown["spans_to"], shown["warnings"], "secret_access_key" in shown) == ("h", ["w"], False)


@pytest.mark.behaviour("UP-DETACHED")
def test_a_stack_in_the_background_says_how_it_is_ended():
    running = {
        "endpoint": "http://127.0.0.1:1", "region": "us-east-1", "file": "f", "state": "s", "models": "m",
        "runtimes": {}, "gateways": {}, "realms": {}, "guardrails": {}, "services": {}, "functions": {},
    }  # fmt: skip
    shown = summary(running, 1.0, detached=True)
    assert "\nnext:                        skerry chat --state s\n" in shown
    assert shown.endswith("\nit runs on, and ends with:   skerry stop --state s")
