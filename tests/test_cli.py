import json
import os
import select
import shlex
import signal
import subprocess
import sys
from dataclasses import asdict

import pytest

from skerry import cli
from skerry.completion import SHELLS, script
from skerry.deploy import command as deploy_command
from skerry.stack.commands.idp import command as idp_command
from skerry.usage import ALIASES, MEANT
from skerry.wire.hop import Hop


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert [name for name in cli.COMMANDS if f"  {name} " not in shown] == []


@pytest.mark.parametrize(
    ("name", "path"),
    [("idp", path) for path in idp_command.EXAMPLES]
    + [("deploy", path) for path in deploy_command.EXAMPLES]
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
def test_every_command_has_options_exit_codes_and_examples(name: str):
    shown = cli.parser(name, cli.load(name)).format_help()
    assert "examples:\n  " in shown
    assert "\nexit codes: 0 " in shown


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


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("idp clinets", "Did you mean: clients?"),
        ("idp users list --relm x", "Did you mean: --realm?"),
        ("idp", "One of: show, clock, clients, users, keys, tokens."),
        ("env --shell bsh", "choose from 'posix', 'fish', 'powershell'"),
        ("hops --limit 0", "'0' is no number above 0"),
        ("hops --since x", "argument --since: 'x' is no number."),
        ("completion", "One of: bash, zsh, fish"),
        ("call desk --jsno", "Did you mean: --json?"),
    ],
)
def test_wrong_usage_is_one_line_with_the_next_move(
    typed: str, told: str, capsys: pytest.CaptureFixture[str]
):
    assert cli.main(typed.split()) == 2
    error = capsys.readouterr().err
    assert told in error
    assert (error.count("\n"), "[SKY-101]" in error) == (1, True)
    assert cli.main([*typed.split(), "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["error"]["code"] == "SKY-101"


@pytest.mark.parametrize(("typed", "command"), [*ALIASES.items(), ("help stop", "stop")])
def test_other_names_and_help_lead_to_a_command(typed: str, command: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        cli.main([*typed.split(), *(["--help"] if typed in ALIASES else [])])
    assert f"usage: skerry {command} " in capsys.readouterr().out


def test_what_people_type_instead_leads_to_commands_that_there_are():
    assert {words.split()[0] for words in [*MEANT.values(), *ALIASES.values()]} <= set(cli.COMMANDS)
    assert not {*MEANT, *ALIASES} & set(cli.COMMANDS)


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


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel what a pipe holds")
def test_unbuffered_output_is_whole_although_a_signal_comes_while_nobody_reads(tmp_path):
    import fcntl
    import termios

    long = "x" * 200_000
    hop = Hop("gateway", "tools/list", "ann", "jwt", 200, 1.0, 1.0, detail={"error": long})
    (tmp_path / "hops.jsonl").write_text(json.dumps(asdict(hop)) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "skerry", "hops", "--json", "--state", str(tmp_path)]
    with subprocess.Popen(
        command, env=os.environ | {"PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as running:
        assert running.stdout is not None
        held = fcntl.fcntl(running.stdout, fcntl.F_GETPIPE_SZ)
        while int.from_bytes(fcntl.ioctl(running.stdout, termios.FIONREAD, bytes(4)), sys.byteorder) < held:
            select.select([running.stdout], [], [])
            os.sched_yield()
        for sent in (signal.SIGSTOP, signal.SIGCONT):
            running.send_signal(sent)
            os.waitid(os.P_PID, running.pid, os.WSTOPPED | os.WCONTINUED)
        assert json.loads(running.stdout.read())["detail"]["error"] == long
    assert running.returncode == 0
