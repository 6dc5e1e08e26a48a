"""Completion scripts, made from the table of commands and their parsers."""

from __future__ import annotations

import argparse

from skerry import cli
from skerry.errors import MissingExtraError

SHELLS = ("bash", "zsh", "fish")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS)


def run(options: argparse.Namespace) -> int:
    print(script(options.shell), end="")
    return 0


def words() -> dict[str, list[str]]:
    """The options of every command that is installed, and the words that it takes in their place."""
    found: dict[str, list[str]] = {}
    for name in cli.COMMANDS:
        try:
            parser = cli.parser(name, cli.load(name))
        except MissingExtraError:
            found[name] = []
            continue
        chosen, options = _of(parser)
        found[name] = [*chosen, *sorted(options)]
    return found


def _of(parser: argparse.ArgumentParser) -> tuple[list[str], set[str]]:
    """The words and the options of a parser and of all parsers below it."""
    # argparse has no public way to list options; this attribute is as old as the module.
    actions = parser._actions  # noqa: SLF001
    chosen: dict[str, None] = {}
    options = {word for one in actions for word in one.option_strings}
    for one in actions:
        if one.option_strings or not one.choices:
            continue
        chosen |= dict.fromkeys(map(str, one.choices))
        for below in one.choices.values() if isinstance(one.choices, dict) else ():
            more = _of(below)
            chosen |= dict.fromkeys(more[0])
            options |= more[1]
    return list(chosen), options


def script(shell: str) -> str:
    """The completion script of a shell. `shell` is one of SHELLS."""
    table = words()
    if shell == "fish":
        lines = ["complete -c skerry -f"]
        names = " ".join(table)
        lines += [f"complete -c skerry -n 'not __fish_seen_subcommand_from {names}' -a '{names}'"]
        for name, options in table.items():
            long = [option[2:] for option in options if option.startswith("--")]
            plain = [option for option in options if not option.startswith("-")]
            seen = f"complete -c skerry -n '__fish_seen_subcommand_from {name}'"
            lines += [f"{seen} -l {word}" for word in long]
            lines += [f"{seen} -a '{' '.join(plain)}'"] if plain else []
        return "\n".join(lines) + "\n"
    cases = "".join(f"    {name}) words='{' '.join(options)}' ;;\n" for name, options in table.items())
    body = (
        "_skerry() {\n"
        "  local words\n"
        '  case "${COMP_WORDS[1]}" in\n'
        f"{cases}"
        "  esac\n"
        f"  [ \"$COMP_CWORD\" -eq 1 ] && words='{' '.join(table)}'\n"
        '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))\n'
        "}\n"
        "complete -F _skerry skerry\n"
    )
    return "autoload -U +X bashcompinit && bashcompinit\n" + body if shell == "zsh" else body
