"""`skerry idp …`: the options, and which function serves them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from skerry.stack.commands.env import add_state
from skerry.stack.commands.idp import clients, clock, keys, show, tokens, users

EXAMPLES = {
    "show": ("skerry idp show --json",),
    "clock": ("skerry idp clock --advance 2h", "skerry idp clock --reset"),
    "clients list": ("skerry idp clients list --realm desk",),
    "clients add": (
        "skerry idp clients add reports --scope desk/use --audience desk-gateway",
        "skerry idp clients add cli --public --native --redirect-uri http://127.0.0.1/callback",
    ),
    "clients remove": ("skerry idp clients remove reports",),
    "users list": ("skerry idp users list --show-passwords",),
    "users add": (
        "skerry idp users add ann --group ops --claim email=ann@example.com",
        "skerry idp users add ann --password-file FILE",
    ),
    "users remove": ("skerry idp users remove ann",),
    "keys list": ("skerry idp keys list --json",),
    "keys rotate": ("skerry idp keys rotate --realm desk",),
    "tokens list": ("skerry idp tokens list",),
    "tokens add": ("skerry idp tokens add laptop --lifetime 7d",),
    "tokens remove": ("skerry idp tokens remove laptop",),
}
"""By subject and action, for --help."""

Serve = Callable[[argparse.Namespace], tuple[Mapping[str, Any], Iterable[str]]]
"""Does what the options say; what `--json` prints, and the lines for a person."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _shared(parser)
    subjects = parser.add_subparsers(required=True, metavar="SUBJECT")
    _action(subjects, "show", "show", show.run, "issuers and their endpoints")
    moved = _action(subjects, "clock", "clock", clock.run, "the clock of tokens, and let time pass for them")
    clock.add_arguments(moved)
    for name, module, summary in (
        ("clients", clients, "OAuth clients"),
        ("users", users, "people"),
        ("keys", keys, "signing keys"),
        ("tokens", tokens, "what people let clients do, and initial access tokens"),
    ):
        subject = subjects.add_parser(name, help=summary, description=_sentence(summary), allow_abbrev=False)
        _shared(subject, again=True)
        actions = subject.add_subparsers(required=True, metavar="ACTION")
        for action, (serve, said, add) in module.ACTIONS.items():
            add(_action(actions, action, f"{name} {action}", serve, said))


def run(options: argparse.Namespace) -> int:
    serve: Serve = options.serve
    found, lines = serve(options)
    if options.json:
        print(json.dumps(found))
        return 0
    print("\n".join(lines) or "none")
    return 0


def _action(among: Any, name: str, path: str, serve: Serve, summary: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = among.add_parser(
        name,
        help=summary,
        description=_sentence(summary),
        epilog="\n  ".join(["examples:", *EXAMPLES[path]]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _shared(made, again=True)
    made.set_defaults(serve=serve)
    return made


def _shared(parser: argparse.ArgumentParser, *, again: bool = False) -> None:
    """The options that may stand after any of the words."""
    realm, as_json = (argparse.SUPPRESS, argparse.SUPPRESS) if again else ("", False)
    add_state(parser, again=again)
    parser.add_argument("--realm", default=realm, help="the realm (default: the first declared)")
    parser.add_argument("--json", action="store_true", default=as_json, help="one JSON object on one line")


def _sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:]}."
