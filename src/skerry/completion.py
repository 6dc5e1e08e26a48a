"""Completion scripts, made from the table of commands and their parsers, with those below them.

A script knows for every command and sub-command its own words and options, and for every option the words
that it takes. Names that only the stack or the records know are asked for when they are needed:
`skerry completion names KIND`.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skerry import cli
from skerry.errors import MissingExtraError
from skerry.settings import StackSettings
from skerry.usage import below_of

SHELLS = ("bash", "zsh", "fish")
KINDS = ("targets", "runtimes", "realms", "clients", "users")
NAMED = {
    "target": "targets",
    "words": "targets",
    "--target": "targets",
    "--agent": "runtimes",
    "--realm": "realms",
    "--client": "clients",
    "clients remove": "clients",
    "users remove": "users",
}
"""Where names of the stack stand: a positional, an option, or what a sub-command takes."""


@dataclass(frozen=True, slots=True)
class Node:
    """A command or sub-command: what may follow it, and what each of its options takes.

    `values` has an entry for every option that takes one: words, `names KIND`, or nothing for anything else.
    """

    words: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    names: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=(*SHELLS, "names"), help="the shell; names is for its script")
    parser.add_argument("kind", choices=KINDS, nargs="?", default="targets", help="of names: which")


def run(options: argparse.Namespace) -> int:
    if options.shell == "names":
        print("\n".join(names(options.kind, StackSettings.from_env(os.environ).state)))
    else:
        print(script(options.shell), end="")
    return 0


def names(kind: str, state: Path) -> list[str]:
    """The names that the running stack knows; none when no stack runs, because a shell wants no error."""
    try:
        stack = json.loads((state / "stack.json").read_text(encoding="utf-8"))
        if kind == "targets":
            return [*stack["gateways"], *stack["runtimes"]]
        if kind in ("clients", "users"):
            return sorted({name for realm in stack["realms"].values() for name in realm[kind]})
        return list(stack[kind])
    except (OSError, ValueError, TypeError, KeyError):
        return []


def tree() -> dict[str, Node]:
    """Every command and sub-command by its words, such as "skerry idp users"."""
    found = {"skerry": Node(words=(*cli.COMMANDS, "help"), options=("--help", "--version"))}
    for name in cli.COMMANDS:
        try:
            parser = cli.parser(name, cli.load(name))
        except MissingExtraError:
            found[f"skerry {name}"] = Node()
            continue
        found.update(_walk(f"skerry {name}", parser))
    return found


def _walk(path: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, Node]]:
    words: list[str] = []
    options: list[str] = []
    values: dict[str, str] = {}
    wanted = NAMED.get(" ".join(path.split()[2:]), "")
    # argparse has no public way to list options; this attribute is as old as the module.
    for action in parser._actions:  # noqa: SLF001
        below = below_of(action)
        for name, one in below.items():
            yield from _walk(f"{path} {name}", one)
        if not action.option_strings:
            words += below or map(str, action.choices or ())
            wanted = wanted or NAMED.get(action.dest, "")
            continue
        if action.help == argparse.SUPPRESS:
            continue
        long = [option for option in action.option_strings if option.startswith("--")]
        options += long
        if action.nargs != 0:
            for option in action.option_strings:
                kind = NAMED.get(option, "")
                values[option] = f"names {kind}" if kind else " ".join(map(str, action.choices or ()))
    yield path, Node(tuple(words), tuple(sorted(options)), wanted, values)


def script(shell: str) -> str:
    """The completion script of a shell. `shell` is one of SHELLS."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](tree())


_NAMES = "$(skerry completion names {} 2>/dev/null)"


def _cases(found: Mapping[str, Node]) -> tuple[str, str, str]:
    """Branches of a `case`: which words lead on, what follows an option, what follows a command."""
    paths = [path for path in found if path != "skerry"]
    values: dict[str, list[str]] = {}
    for path, node in found.items():
        for option, taken in node.values.items():
            values.setdefault(taken, []).append(f"'{path} {option}'")
    after = "".join(f"    {'|'.join(at)}) words={_quoted(taken)} ;;\n" for taken, at in values.items())
    own = "".join(
        f"      '{path}') words={_quoted(' '.join([*node.words, *node.options]), node.names)} ;;\n"
        for path, node in found.items()
    )
    return "|".join(f"'{path}'" for path in paths), after, own


def _quoted(words: str, kind: str = "") -> str:
    if words.startswith("names "):
        words, kind = "", words.removeprefix("names ")
    return f'"{words} {_NAMES.format(kind)}"' if kind else f"'{words}'"


def _bash(found: Mapping[str, Node]) -> str:
    paths, after, own = _cases(found)
    return (
        "_skerry() {\n"
        "  local path=skerry word words\n"
        '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do\n'
        f'    case "$path $word" in {paths}) path="$path $word" ;; esac\n'
        "  done\n"
        '  case "$path ${COMP_WORDS[COMP_CWORD-1]}" in\n'
        f"{after}"
        '    *) case "$path" in\n'
        f"{own}"
        "    esac ;;\n"
        "  esac\n"
        '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))\n'
        "}\n"
        "complete -o default -F _skerry skerry\n"
    )


def _zsh(found: Mapping[str, Node]) -> str:
    """The same in zsh, whose arrays begin at 1; where nothing fits, files."""
    paths, after, own = _cases(found)
    return (
        "_skerry() {\n"
        "  local path_=skerry word given\n"
        '  for word in "${(@)words[2,CURRENT-1]}"; do\n'
        f'    case "$path_ $word" in {paths}) path_="$path_ $word" ;; esac\n'
        "  done\n"
        '  case "$path_ ${words[CURRENT-1]}" in\n'
        f"{after.replace(' words=', ' given=')}"
        '    *) case "$path_" in\n'
        f"{own.replace(' words=', ' given=')}"
        "    esac ;;\n"
        "  esac\n"
        '  if [[ -n "${given// /}" ]]; then compadd -- ${=given}; else _files; fi\n'
        "}\n"
        "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }\n"
        "compdef _skerry skerry\n"
    )


def _fish(found: Mapping[str, Node]) -> str:
    paths = " ".join(f"'{path}'" for path in found)
    lines = [
        "function __skerry_at",
        "  set -l at skerry",
        "  for word in (commandline -opc)[2..-1]",
        f'    contains -- "$at $word" {paths}; and set at "$at $word"',
        "  end",
        '  test "$at" = "$argv"',
        "end",
        "complete -c skerry -f",
    ]
    for path, node in found.items():
        here = f"complete -c skerry -n '__skerry_at {path}'"
        given = [*node.words, *([f"(skerry completion names {node.names})"] if node.names else [])]
        lines += [f"{here} -a '{' '.join(given)}'"] if given else []
        for option in node.options:
            lines.append(f"{here} -l {option[2:]}{_taken(option, node.values)}")
    return "\n".join(lines) + "\n"


def _taken(option: str, values: Mapping[str, str]) -> str:
    """What an option takes, in fish's terms: words, a name, or a file."""
    if option not in values:
        return ""
    if words := values[option]:
        kind = words.removeprefix("names ")
        return f" -x -a '{f'(skerry completion names {kind})' if kind != words else words}'"
    return " -r -F"
