"""`skerry idp tokens`: what people let clients do, and initial access tokens, which let clients register.

A grant stands for all the tokens that came of one sign-in. No token is shown but a new initial one, once.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from skerry.errors import ConfigurationError
from skerry.idp.kept.granted import GRANTED
from skerry.idp.passwords import secret_digest
from skerry.idp.registration import initial_tokens
from skerry.stack.commands.idp.opened import opened
from skerry.stack.commands.sessions import seconds

Answer = tuple[Mapping[str, Any], Iterable[str]]

_SHOWN = 16
"""Hexadecimal digits that stand for a grant here; the start of them is enough to name it."""


def _no_more(_parser: argparse.ArgumentParser) -> None:
    """An action without options of its own."""


def _named(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "id", metavar="ID|NAME", help="a grant by its id, or an initial access token by its name"
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="what to call it in lists")
    parser.add_argument(
        "--lifetime",
        type=seconds,
        default=86_400.0,
        metavar="TIME",
        help="such as 15m or 7d (default: a day)",
    )


def add(options: argparse.Namespace) -> Answer:
    """A new initial access token (RFC 7591 section 3); it is in this answer and nowhere else."""
    idp = opened(options.state, options.realm)
    if idp.realm.registration != "token":
        raise ConfigurationError(
            f"the realm '{idp.realm.name}' asks for no initial access token.",
            hint='It does with registration = "token" in its table of skerry.toml.',
        )
    ends = idp.clock.time() + options.lifetime
    token = idp.records(lambda kept: initial_tokens.make(kept, name=options.name, expires=ends))
    facts = {"realm": idp.realm.name, "name": options.name, "initial_access_token": token}
    return facts, [token, "Keep it now: only its digest is stored."]


def listing(options: argparse.Namespace) -> Answer:
    """The grants of the realm that have not ended; no token is among what is shown."""
    idp = opened(options.state, options.realm)
    found = [_facts(family, value) for family, value in idp.records(lambda kept: kept.all(GRANTED))]
    initial = idp.records(lambda kept: kept.all(initial_tokens.KIND))
    names = sorted(str(value["name"]) for _, value in initial)
    shown = [*map(_line, found), *(f"{name:<{_SHOWN}}  initial access token" for name in names)]
    return {"realm": idp.realm.name, "grants": found, "initial_access_tokens": names}, shown


def remove(options: argparse.Namespace) -> Answer:
    """Ends a grant: its refresh token is worth nothing, and this provider knows its access tokens no more.

    Resource servers take an access token until it expires (RFC 7009 section 3).
    """
    idp = opened(options.state, options.realm)
    families = [family for family, _ in idp.records(lambda kept: kept.all(GRANTED))]
    named = [family for family in families if options.id and _id(family).startswith(options.id)]
    if not named and options.id and idp.records(lambda kept: initial_tokens.revoke(kept, options.id)):
        return {"realm": idp.realm.name, "removed": options.id}, [f"ended {options.id}"]
    if len(named) != 1:
        many = "more than one grant" if named else "no grant and no initial access token"
        raise ConfigurationError(
            f"the realm '{idp.realm.name}' has {many} of that id or name.",
            hint="skerry idp tokens list shows them.",
        )
    idp.records(lambda kept: kept.drop_family(named[0]))
    return {"realm": idp.realm.name, "removed": _id(named[0])}, [f"ended {_id(named[0])}"]


ACTIONS = {
    "list": (listing, "what people let clients do", _no_more),
    "add": (add, "make an initial access token; it is printed once", _add_options),
    "remove": (remove, "end a grant, with its refresh token, or an initial access token", _named),
}


def _id(family: str) -> str:
    return secret_digest(family)[:_SHOWN]


def _facts(family: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": _id(family),
        "client_id": value["client_id"],
        "sub": value["subject"],
        "scopes": list(value["scopes"]),
        "resources": list(value["resources"]),
        "ends": datetime.fromtimestamp(value["ends"], UTC).isoformat(timespec="seconds"),
    }


def _line(facts: Mapping[str, Any]) -> str:
    whose = f"{facts['id']}  {facts['client_id']:<16}  {facts['sub']:<36}"
    return f"{whose}  ends {facts['ends']}  {' '.join(facts['scopes'])}".rstrip()
