import os
import shlex
import subprocess
import sys

import pytest

from skerry import cli
from skerry.completion import SHELLS, script
from skerry.stack.idp import command as idp_command


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert [name for name in cli.COMMANDS if f"  {name} " not in shown] == []


@pytest.mark.parametrize(
    ("name", "path"),
    [("idp", path) for path in idp_command.EXAMPLES]
    + [("iam", verb) for verb in ("least", "explain", "show")],
)
def test_every_action_has_examples_that_can_be_typed(
    name: str, path: str, capsys: pytest.CaptureFixture[str]
):
    parser = cli.parser(name, cli.load(name))
    with pytest.raises(SystemExit):
        parser.parse_args([*path.split(), "--help"])
    _, _, shown = capsys.readouterr().out.partition("examples:\n")
    examples = [line.removeprefix(f"  skerry {name} ") for line in shown.splitlines()]
    assert examples
    for example in examples:
        assert example.startswith(path)
        parser.parse_args(shlex.split(example))


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_options_and_examples(name: str):
    shown = cli.parser(name, cli.load(name)).format_help()
    assert "examples:\n  " in shown


@pytest.mark.parametrize(
    ("typed", "meant"), [("chta", "skerry chat"), ("ups", "skerry up"), ("xyz", "--help")]
)
def test_an_unknown_command_is_told_the_nearest(typed: str, meant: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main([typed]) == 2
    error = capsys.readouterr().err
    assert meant in error
    assert error.count("\n") == 1


def test_errors_are_json_where_json_was_asked(tmp_path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["env", "--state", str(tmp_path), "--json"]) == 1
    assert '"code": "SKY-106"' in capsys.readouterr().err


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_knows_commands_and_options(shell: str):
    text = script(shell)
    assert "completion" in text
    assert "state" in text
    assert "purge" in text  # of skerry store
    assert "schema" in text  # of skerry aws-ops


@pytest.mark.skipif(os.name != "posix", reason="a shell that closes streams")
@pytest.mark.parametrize("words", ["chat --once hi", "call desk list", "store list", "hops"])
def test_a_closed_standard_input_is_no_crash(words: str, tmp_path):
    line = f'exec "{sys.executable}" -m skerry {words} --state "{tmp_path}/none" <&-'
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode in (1, 2), done.stderr.count("\n"), "SKY-10" in done.stderr) == (True, 1, True)
