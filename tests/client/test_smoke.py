"""`skerry smoke` as a person runs it: against the demo servers, and against some that are not quite right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from skerry import cli
from skerry.client import smoke, walk
from skerry.errors import ConfigurationError
from tests.kit import demo_variants, stdio_server, warm

STEPS = ["connect", "tools", "whoami", "get_weather", "story", "profile", "whoami again"]
PROTOCOLS = {"legacy": "2025-11-25", "modern": "2026-07-28"}


@pytest.fixture(params=list(PROTOCOLS))
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def steps(self) -> dict[str, Any]:
        """The steps of `--json` by name."""
        return {step["step"]: step for step in json.loads(self.out)["steps"]}

    @property
    def failed(self) -> list[str]:
        return [name for name, step in self.steps.items() if not step["ok"]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `skerry smoke` in this process."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "SKERRY_"))]:
        monkeypatch.delenv(name)

    def ran(*words: str) -> Done:
        code = cli.main(["smoke", *words])
        captured = capfd.readouterr()
        return Done(code, captured.out, captured.err)

    return ran


def demo(kind: str) -> tuple[str, ...]:
    return ("--", sys.executable, "-m", "skerry.servers.demo", kind)


Command = Callable[[str], tuple[str, ...]]


@pytest.fixture(scope="module")
def warm_command() -> Iterator[list[str]]:
    with warm.served() as command:
        yield command


@pytest.fixture
def warm_demo(warm_command: list[str]) -> Command:
    """A demo server that need not show how it starts."""
    return lambda kind: ("--", *warm_command, "skerry.servers.demo", kind)


@pytest.fixture
def variant(warm_command: list[str]) -> Command:
    """A demo server with something wrong."""
    return lambda wrong: ("--", *warm_command, demo_variants.__name__, wrong)


@pytest.mark.behaviour("SMOKE-WALK")
@pytest.mark.parametrize("kind", ["stateless", "stateful"])
def test_every_step_of_a_demo_server_holds(run: Any, kind: str, era: str) -> None:
    done = run("--era", era, *demo(kind))
    lines = done.out.splitlines()
    assert [line[6:19].strip() for line in lines[:-1]] == STEPS
    assert all(line.startswith("ok ") for line in lines[:-1])
    assert f"MCP {PROTOCOLS[era]} ({era})" in lines[0]
    assert f", {kind}: whoami, " in lines[1]
    assert "the same sandbox" in lines[6]
    assert (lines[-1], done.code, done.err) == ("7 steps, all ok", 0, "")


@pytest.mark.behaviour("SMOKE-WALK")
def test_the_stateful_walk_is_asked_once_by_sampling_and_once_by_elicitation(
    run: Any, era: str, warm_demo: Command
) -> None:
    done = run("--json", "--era", era, *warm_demo("stateful"))
    report = json.loads(done.out)
    assert (done.code, report["ok"], report["mode"]) == (0, True, "stateful")
    assert report["command"] == list(warm_demo("stateful")[1:])
    assert done.steps["story"]["saw"].startswith("sampling asked once")
    assert done.steps["profile"]["saw"].startswith("elicitation asked once")
    assert done.steps["whoami"]["saw"].endswith("call 1")
    assert done.steps["whoami again"]["saw"].endswith("call 5")


@pytest.mark.behaviour("SMOKE-VERDICT")
@pytest.mark.parametrize(
    ("wrong", "step", "said"),
    [
        ("another", "whoami again", "another sandbox answered (sandbox sandbox-2"),
        ("uncounted", "whoami again", "the calls were not counted (before 1, now 1)"),
        ("city", "get_weather", "it is the weather of 'Elsewhere', not of 'Reykjavik'"),
        ("altered", "story", "the story that came back is not the one that was written"),
        ("twice", "profile", "elicitation was asked 2 times, not once"),
        ("unasked", "story", "sampling was asked 0 times, not once"),
        ("error", "get_weather", "the thermometer is broken"),
    ],
)
def test_what_is_wrong_is_one_failed_step(
    run: Any, variant: Command, era: str, wrong: str, step: str, said: str
) -> None:
    done = run("--json", "--era", era, *variant(wrong))
    assert done.code == 1
    assert list(done.steps) == STEPS
    assert done.failed == [step]
    error = done.steps[step]["error"]
    assert said in error["message"]
    assert error["code"] == "SKY-108"


@pytest.mark.behaviour("SMOKE-VERDICT")
def test_the_unchanged_stand_in_has_nothing_wrong(run: Any, variant: Command, era: str) -> None:
    assert run("--era", era, *variant("right")).code == 0


@pytest.mark.behaviour("SMOKE-VERDICT")
def test_a_missing_tool_ends_the_walk(run: Any, variant: Command, era: str) -> None:
    done = run("--era", era, *variant("missing"))
    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[1] == "FAIL  tools         the stateful demo server has no get_weather. [SKY-108]"
    assert "--allow" in lines[2]
    assert lines[-1] == "2 steps, 1 failed"


def test_a_walk_that_was_not_finished_has_not_held() -> None:
    report = smoke.Report(quiet=True, steps=[smoke.Step("connect", "a server")])
    assert not report.held
    report.finished = True
    assert report.held


def test_the_mode_may_be_given(run: Any, warm_demo: Command) -> None:
    assert run("--mode", "stateful", *warm_demo("stateful")).code == 0
    done = run("--json", "--mode", "stateful", *warm_demo("stateless"))
    assert (
        "has no generate_story_with_sampling, create_character_profile"
        in done.steps["tools"]["error"]["message"]
    )


def test_another_server_is_named_as_such(run: Any) -> None:
    done = run("--json", "--", sys.executable, str(stdio_server.__file__))
    assert done.failed == ["tools"]
    assert (
        "this is no demo server and no guardrails server (tools: add, arguments)"
        in done.steps["tools"]["error"]["message"]
    )


@pytest.mark.behaviour("SMOKE-VERDICT")
def test_a_server_that_dies_ends_the_walk_with_its_last_words(run: Any, variant: Command, era: str) -> None:
    done = run("--json", "--era", era, *variant("dies"))
    assert list(done.steps) == ["connect", "tools", "whoami", "get_weather"]
    assert done.code == 1
    error = done.steps["get_weather"]["error"]
    assert error["code"] == "SKY-107"
    assert error["message"].endswith("ended: the last words of the program")


def test_a_call_without_an_answer_fails_its_step_alone(run: Any, variant: Command, era: str) -> None:
    done = run("--json", "--era", era, "--timeout", "10", *variant("silent"))
    assert done.failed == ["get_weather"]
    assert done.steps["get_weather"]["error"]["message"] == "there was no answer within 10 seconds."


@pytest.mark.parametrize(
    ("program", "said", "code", "timeout"),
    [
        ("import sys; sys.exit('taken [SKY-103]')", "ended: taken [SKY-103]", "SKY-107", "60"),
        ("pass", "ended without a word.", "SKY-107", "60"),
        ("import time; time.sleep(60)", "there was no answer within 1 seconds.", "SKY-108", "1"),
    ],
)
def test_a_command_that_does_not_speak_is_one_failed_step(
    run: Any, program: str, said: str, code: str, timeout: str
) -> None:
    done = run("--json", "--timeout", timeout, "--era", "legacy", "--", sys.executable, "-c", program)
    assert done.failed == ["connect"]
    error = done.steps["connect"]["error"]
    assert error["message"].endswith(said)
    assert error["code"] == code
    assert done.code == 1


@pytest.mark.behaviour("CLI-ONE-ERROR")
@pytest.mark.parametrize(
    ("target", "says", "code"),
    [("nope", "no stack runs", "SKY-106"), ("arn:aws:foo", "is not an ARN", "SKY-301")],
)
def test_what_the_proxy_says_before_it_ends_is_one_line(
    run: Any, tmp_path: Path, target: str, says: str, code: str
) -> None:
    done = run("--state", str(tmp_path), target)
    failed, total = done.out.splitlines()
    assert failed.startswith("FAIL  connect ")
    assert failed.endswith(f"[{code}]")
    assert (says in failed, failed.count("SKY-"), "skerry proxy" in failed) == (True, 1, False)
    assert (total, done.code) == ("1 step, 1 failed", 1)


def test_a_command_that_is_not_there_is_one_failed_step(run: Any) -> None:
    done = run("--json", "--", "/no/such/program")
    assert (
        done.steps["connect"]["error"]["message"] == "program cannot be started (No such file or directory)."
    )
    assert done.code == 1


def test_the_environment_reaches_the_command(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTCORE_ASSUME_ROLE_ARN", "seen-by-the-child")
    program = "import os, sys; sys.exit(os.environ['AGENTCORE_ASSUME_ROLE_ARN'])"
    done = run("--json", "--", sys.executable, "-c", program)
    assert "seen-by-the-child" in done.steps["connect"]["error"]["message"]


# The command line --------------------------------------------------------------------------------


def command(*words: str) -> list[str]:
    parser = cli.parser("smoke", smoke)
    return list(smoke.command(parser.parse_args(list(words)))[1])


def test_a_target_goes_to_the_proxy_with_the_words_after_the_dashes() -> None:
    proxy = [sys.executable, "-m", "skerry", "proxy"]
    arn = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/demo-1a2b3c4d5e"
    assert command(arn) == [*proxy, arn]
    assert command("--mode", "stateful", arn, "--endpoint-url", "http://127.0.0.1:1") == [
        *proxy,
        arn,
        "--endpoint-url",
        "http://127.0.0.1:1",
    ]
    assert command(arn, "--state", "mine") == [*proxy, arn, "--state", "mine"]
    assert command(arn, "--json", "--", "--read-timeout", "5", "--json") == [
        *proxy,
        arn,
        "--read-timeout",
        "5",
        "--json",
    ]


def test_without_a_target_the_words_after_the_dashes_are_the_command() -> None:
    assert command("--", "program", "--json", "--", "x") == ["program", "--json", "--", "x"]
    assert command("--json", "--", "program") == ["program"]


@pytest.mark.parametrize("words", [(), ("--",), ("--json",)])
def test_nothing_to_walk_through_is_wrong_usage(run: Any, words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.code == 2
    assert "there is nothing to walk through" in done.err
    assert "SKY-101" in done.err


@pytest.mark.parametrize(
    "words", [("--timeout", "0"), ("--timeout", "nan"), ("--endpoint-url", "http://x"), ("--state", "x")]
)
def test_options_that_cannot_work_are_wrong_usage(words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError):
        smoke.run(cli.parser("smoke", smoke).parse_args([*words, "--", "program"]))


def test_the_walk_knows_exactly_the_tools_of_the_demo_servers(run: Any, warm_demo: Command) -> None:
    for kind, tools in walk.TOOLS.items():
        seen = run("--json", *warm_demo(kind)).steps["tools"]["saw"]
        assert seen == f"{len(tools)} tools, {kind}: {', '.join(tools)}"


# Over the proxy ----------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["stateless", "stateful"])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """A demo server over HTTP: its kind and URL."""
    words = [sys.executable, "-m", "skerry.servers.demo", request.param, "--http", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield str(request.param), json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()


@pytest.mark.behaviour("SMOKE-PROXY")
def test_a_url_is_walked_through_over_the_proxy(
    run: Any, server: tuple[str, str], era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, url = server
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    done = run(url, "--json", "--era", era, "--", "--region", "us-east-1")
    assert (done.code, done.failed) == (0, []), done.out
    assert list(done.steps) == STEPS
    assert json.loads(done.out)["mode"] == kind


@pytest.mark.behaviour("SMOKE-PROXY")
def test_what_the_proxy_says_is_in_the_failed_step(run: Any) -> None:
    done = run("no-such-runtime", "--json", "--", "--state", "/no/such/folder")
    assert done.failed == ["connect"]
    error = done.steps["connect"]["error"]
    assert (error["code"], "no stack runs" in error["message"], "SKY" in error["message"]) == (
        "SKY-106",
        True,
        False,
    )
