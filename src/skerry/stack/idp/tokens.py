"""`skerry idp tokens`: what people let clients do, each with all the tokens that came of it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from skerry.errors import ConfigurationError
from skerry.idp.granted import GRANTED
from skerry.idp.passwords import secret_digest
from skerry.stack.idp.opened import opened

Answer = tuple[Mapping[str, Any], Iterable[str]]

_SHOWN = 16
"""Hexadecimal digits that stand for a grant here; the start of them is enough to name it."""


def _no_more(_parser: argparse.ArgumentParser) -> None:
    """An action without options of its own."""


def _named(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="a grant, by its id or the start of it")


def listing(options: argparse.Namespace) -> Answer:
    """The grants of the realm that have not ended; no token is among what is shown."""
    idp = opened(options.state, options.realm)
    found = [_facts(family, value) for family, value in idp.records(lambda kept: kept.all(GRANTED))]
    return {"realm": idp.realm.name, "grants": found}, map(_line, found)


def remove(options: argparse.Namespace) -> Answer:
    """Ends a grant: its refresh token is worth nothing, and this provider knows its access tokens no more.

    Resource servers take an access token until it expires (RFC 7009 section 3).
    """
    idp = opened(options.state, options.realm)
    families = [family for family, _ in idp.records(lambda kept: kept.all(GRANTED))]
    named = [family for family in families if options.id and _id(family).startswith(options.id)]
    if len(named) != 1:
        many = "more than one grant" if named else "no grant"
        raise ConfigurationError(
            f"the realm '{idp.realm.name}' has {many} whose id begins with that.",
            hint="skerry idp tokens list shows them.",
        )
    idp.records(lambda kept: kept.drop_family(named[0]))
    return {"realm": idp.realm.name, "removed": _id(named[0])}, [f"ended {_id(named[0])}"]


ACTIONS = {
    "list": (listing, "what people let clients do", _no_more),
    "remove": (remove, "end a grant, with its refresh token", _named),
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
