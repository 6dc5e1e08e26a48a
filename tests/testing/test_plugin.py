"""The pytest plugin in a pytest of its own, as a team has it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from skerry.testing.program import surroundings
from tests.testing.conftest import team

WITHOUT = ("-p", "no:cacheprovider", "-p", "no:asyncio")
"""Plugins that the team does not have; the second warns of what its users have to configure."""
ASKS = """
    import json

    def ask(stack, **payload):
        answer = stack.client("bedrock-agentcore").invoke_agent_runtime(
            agentRuntimeArn=stack.runtimes["echo"].arn, payload=json.dumps(payload))
        return json.loads(answer["response"].read())
"""


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """pytest in `folder`; the plugin is named because a checkout may not have its entry point yet."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "skerry.testing.plugin", *WITHOUT, *words],
        cwd=folder,
        env=surroundings({"PATH": "/usr/bin:/bin"}, {"AWS_PROFILE": "of-a-developer"}),
        capture_output=True,
        text=True,
        check=False,
    )


def counts(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    return {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|errors?)", done.stdout)}


@pytest.mark.behaviour("TEST-REPORT")
@pytest.mark.behaviour("TEST-FIXTURES")
def test_a_failed_test_shows_its_own_hops_and_what_was_logged(tmp_path: Path):
    team(
        tmp_path,
        asks=ASKS,
        test_team="""
        import boto3
        from asks import ask

        def test_before(skerry_stack):
            assert ask(skerry_stack, n="before") == {"echo": {"n": "before"}}
            for number in range(3):
                skerry_stack.client("sts").get_caller_identity()

        def test_wrong(skerry_stack):
            ask(skerry_stack, wrong="where Atlantis is")

        def test_of_something_else(skerry_stack):
            assert skerry_stack.region == "nowhere"

        def test_plain_boto3(skerry_environment):
            names = boto3.client("bedrock-agentcore-control").list_agent_runtimes()["agentRuntimes"]
            assert [one["agentRuntimeName"] for one in names] == ["echo"]

        def test_the_environment_is_as_it_was(monkeypatch):
            import os
            assert os.environ["AWS_PROFILE"] == "of-a-developer"
            assert "AWS_ENDPOINT_URL" not in os.environ
            assert boto3.DEFAULT_SESSION is None
        """,
    )
    done = run(tmp_path, "-W", "error", "--skerry-state", "kept")
    assert counts(done) == {"failed": 2, "passed": 3}, done.stdout
    wrong, other = re.split(r"_{4,} test_\w+ _{4,}", done.stdout)[1:]
    assert "- skerry hops -" in wrong
    hops = wrong.partition("- skerry hops -")[2].partition("- skerry logs -")[0]
    assert "InvokeAgentRuntime → echo" in hops
    assert "GetCallerIdentity" not in hops
    assert "ValueError: the agent does not know where Atlantis is" in wrong.partition("- skerry logs -")[2]
    assert "- skerry" not in other
    assert (tmp_path / "kept" / "hops.jsonl").is_file()
    assert not (tmp_path / "kept" / "stack.json").exists()


@pytest.mark.behaviour("TEST-FIXTURES")
def test_each_worker_of_xdist_has_a_stack_of_its_own(tmp_path: Path):
    text = """
    import json, os, pytest

    @pytest.mark.parametrize("n", range(4))
    def test_it(skerry_stack, n, tmp_path_factory):
        with open(os.path.join(os.path.dirname(__file__), "seen"), "a") as seen:
            seen.write(json.dumps([os.environ["PYTEST_XDIST_WORKER"], skerry_stack.url]) + "\\n")
    """
    team(tmp_path, test_many=text)
    done = run(tmp_path, "-n2", "--dist=each", "--skerry-state=kept")
    assert done.returncode == 0, done.stdout
    seen = {tuple(json.loads(line)) for line in (tmp_path / "seen").read_text().splitlines()}
    assert len(seen) == 2
    assert len({worker for worker, _ in seen}) == len({url for _, url in seen}) == 2
    assert sorted(folder.name for folder in (tmp_path / "kept").iterdir()) == ["gw0", "gw1"]


USES = "def test_first(skerry_stack): pass\ndef test_second(skerry_stack): pass\n"


@pytest.mark.behaviour("TEST-WRONG-FILE")
@pytest.mark.parametrize(
    ("ini", "told"),
    [
        ("", "skerry.toml, which skerry_stack runs, is not there. Declare your agents"),
        (
            "skerry_file = infra/skerry.toml\n",
            "skerry_file names {folder}/infra/skerry.toml, which is not there",
        ),
        ("skerry_file = wrong.toml\n", "(did you mean 'runtimes'). [SKY-101]"),
    ],
)
def test_what_is_wrong_is_one_line_for_each_test(tmp_path: Path, ini: str, told: str):
    (tmp_path / "pytest.ini").write_text(f"[pytest]\n{ini}")
    (tmp_path / "wrong.toml").write_text("[runtime.echo]\n")
    (tmp_path / "test_it.py").write_text(USES)
    done = run(tmp_path)
    assert counts(done) == {"errors": 2}
    assert told.format(folder=tmp_path) in done.stdout
    assert "Traceback" not in done.stdout
    assert "During handling" not in done.stdout


@pytest.mark.behaviour("TEST-LIGHT")
def test_the_plugin_loads_nothing_that_takes_time():
    slow = ["boto3", "botocore", "aiohttp", "httpx2", "moto", "asyncio", "skerry.settings", "skerry.stack"]
    program = (
        "import sys, skerry.testing.plugin; print([name for name in sys.argv[1:] if name in sys.modules])"
    )
    before = "import sys, pytest; print([name for name in sys.argv[1:] if name in sys.modules])"
    shown = [
        subprocess.run([sys.executable, "-c", text, *slow], capture_output=True, text=True, check=True).stdout
        for text in (program, before)
    ]
    assert shown == ["[]\n", "[]\n"]
