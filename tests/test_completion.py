"""Completion of commands, sub-commands, their options and what these take, in a real bash."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from skerry.completion import names, script, tree

BASH = shutil.which("bash")
STACK = {
    "gateways": {"desk": {}},
    "runtimes": {"ops": {}},
    "realms": {"home": {"clients": {"cli": {}}, "users": {"ann": {}}}},
}
DRIVER = """
skerry() { "$PYTHON" -m skerry "$@"; }
source "$1"
while read -r line; do
  read -ra COMP_WORDS <<< "$line"
  [ "${line% }" = "$line" ] || COMP_WORDS+=("")
  case "$line" in *_) COMP_WORDS[${#COMP_WORDS[@]}-1]="" ;; esac
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
  _skerry
  echo "${COMPREPLY[*]}"
done
"""
SHARED = {"--state", "--realm", "--json", "--help"}
TYPED = {
    "skerry sta": {"status"},
    "skerry idp _": {"show", "clock", "clients", "users", "keys", "tokens", *SHARED},
    "skerry idp users _": {"list", "add", "remove", *SHARED},
    "skerry idp users add --pass": {"--password-stdin", "--password-file"},
    "skerry idp users remove a": {"ann"},
    "skerry idp --state x clients add --pub": {"--public"},
    "skerry iam explain --act": {"--action"},
    "skerry env --shell _": {"posix", "fish", "powershell"},
    "skerry token --realm _": {"home"},
    "skerry logout d": {"desk"},
    "skerry chat --agent _": {"ops"},
    "skerry up --de": {"--detach"},
    "skerry up --b": set(),  # --background is for skerry up --detach alone
    "skerry up --file _": set(),  # which is for the shell's own file names
}
"""What is typed, `_` for an empty word, and what is offered."""


@pytest.mark.behaviour("CLI-COMPLETION")
@pytest.mark.skipif(BASH is None, reason="bash")
def test_a_shell_offers_what_fits_where_the_cursor_is(tmp_path: Path):
    assert BASH is not None
    (tmp_path / "completion.bash").write_text(script("bash"))
    (tmp_path / "stack.json").write_text(json.dumps(STACK))
    done = subprocess.run(
        [BASH, "--norc", "-c", DRIVER, "-", str(tmp_path / "completion.bash")],
        input="".join(f"{line}\n" for line in TYPED),
        env={"PATH": "/usr/bin:/bin", "PYTHON": sys.executable, "SKERRY_STATE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    offered = [set(line.split()) for line in done.stdout.splitlines()]
    assert dict(zip(TYPED, offered, strict=True)) == TYPED


@pytest.mark.behaviour("CLI-COMPLETION")
def test_every_shell_gets_every_command_with_its_own_options():
    known = tree()
    assert "--password-file" in known["skerry idp users add"].options
    assert "--password-file" not in known["skerry idp users list"].options
    assert "--password-file" not in known["skerry idp"].options
    fish, zsh = script("fish"), script("zsh")
    assert "complete -c skerry -n '__skerry_at skerry idp users' -a 'list add remove'" in fish
    assert "complete -c skerry -n '__skerry_at skerry env' -l shell -x -a 'posix fish powershell'" in fish
    assert "'skerry idp users') given='list add remove --help --json --realm --state' ;;" in zsh
    assert "words=" not in zsh


def test_without_a_stack_there_are_no_names(tmp_path: Path):
    assert names("targets", tmp_path) == []
    (tmp_path / "stack.json").write_text("[]")
    assert names("users", tmp_path) == []
