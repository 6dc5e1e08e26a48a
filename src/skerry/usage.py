"""How the command line speaks of itself: parsers that say the next move, and what people type instead.

argparse's own messages are kept; what it does not say is which word was meant and where the examples are.
"""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from skerry.errors import ConfigurationError

ALIASES = {"ps": "status", "down": "stop"}
"""Other names of a command."""
MEANT = {
    "start": "up",
    "run": "up",
    "serve": "up",
    "list": "status",
    "ls": "status",
    "info": "status",
    "kill": "stop",
    "log": "logs",
    "signin": "login",
    "sign-in": "login",
    "auth": "login",
    "signout": "logout",
    "whoami": "login --list",
    "tools": "call desk list",
    "invoke": "chat",
    "users": "idp users list",
    "clients": "idp clients list",
    "trace": "hops",
    "traces": "hops",
    "check": "doctor",
    "policy": "iam",
    "environment": "env",
}
"""What people type, and what serves them."""

CODES = "0 done, 1 failed, 2 wrong usage, 130 interrupted"

_CHOICE = re.compile(r"invalid choice: '(.*?)' \(choose from (.*)\)", re.DOTALL)
_NO_NUMBER = re.compile(r"invalid (?:int|float) value: '(.*)'", re.DOTALL)
_UNKNOWN = re.compile(r"unrecognized arguments: (\S+)")


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are skerry's errors, with the word that was likely meant.

    Raises ConfigurationError, exit code 2, where argparse would print its usage and end.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **given})

    def error(self, message: str) -> NoReturn:
        more = f"{self.prog} --help has examples."
        message = _NO_NUMBER.sub(r"'\1' is no number", message)
        if found := _CHOICE.search(message):
            known = re.findall(r"'?([^',\s]+)'?", found[2])
            close = difflib.get_close_matches(found[1], known, n=1)
            more = f"Did you mean: {close[0]}? {more}" if close else more
        elif (unknown := _UNKNOWN.search(message)) and unknown[1].startswith("-"):
            close = difflib.get_close_matches(unknown[1].partition("=")[0], set(_options(self)), n=1)
            more = f"Did you mean: {close[0]}? {more}" if close else more
        elif "arguments are required" in message and (words := list(_words(self))):
            more = f"One of: {', '.join(words)}. {more}"
        raise ConfigurationError(f"{self._path()}{message}.", hint=more)

    def _path(self) -> str:
        """The words below the command, which the line of an error names already."""
        below = self.prog.split()[2:]
        return f"{' '.join(below)}: " if below else ""


def nearest(name: str, commands: Iterable[str]) -> str:
    """What to say to a command that there is not."""
    if name in MEANT:
        return f"Did you mean: skerry {MEANT[name]}"
    close = difflib.get_close_matches(name, [*commands, *ALIASES], n=1)
    return f"Did you mean: skerry {close[0]}" if close else "skerry --help lists the commands."


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    # argparse has no public way to list options; this attribute is as old as the module.
    for action in parser._actions:  # noqa: SLF001
        yield from action.option_strings if action.help != argparse.SUPPRESS else ()
        for below in below_of(action).values():
            yield from _options(below)


def _words(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:  # noqa: SLF001
        yield from below_of(action) or (() if action.option_strings else action.choices or ())


def below_of(action: argparse.Action) -> dict[str, argparse.ArgumentParser]:
    """The parsers below an action, by the word that leads to each; none where it is no choice of commands."""
    among = action.choices
    if not isinstance(among, dict):
        return {}
    return {name: one for name, one in among.items() if isinstance(one, argparse.ArgumentParser)}
