import pytest

from skerry import cli
from skerry.completion import SHELLS, script


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert [name for name in cli.COMMANDS if f"  {name} " not in shown] == []


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
