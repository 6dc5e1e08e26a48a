"""`skerry idp keys`: which keys sign, and new ones."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from skerry.idp import keys
from skerry.idp.keys import KeyRing, Keys
from skerry.stack.commands.idp.opened import Opened, opened

Answer = tuple[Mapping[str, Any], Iterable[str]]


def _no_more(_parser: argparse.ArgumentParser) -> None:
    """An action without options of its own."""


def listing(options: argparse.Namespace) -> Answer:
    """The keys of the realm: their ids, and until when an old one is published."""
    idp = opened(options.state, options.realm)
    found = _facts(idp, _keys(idp).ring())
    return {"realm": idp.realm.name, "keys": found}, map(_line, found)


def rotate(options: argparse.Namespace) -> Answer:
    """A new signing key; a running provider signs with it from the next token on."""
    idp = opened(options.state, options.realm)
    held = _keys(idp)
    held.rotate()
    found = _facts(idp, held.ring())
    return {"realm": idp.realm.name, "keys": found}, map(_line, found)


ACTIONS = {
    "list": (listing, "the signing keys", _no_more),
    "rotate": (
        rotate,
        "make a new signing key; the old one stays published for a token's lifetime",
        _no_more,
    ),
}


def _keys(idp: Opened) -> Keys:
    realm = idp.realm
    file = idp.folder / keys.file_name(realm.name)
    return Keys(algorithm=realm.algorithm, file=file, overlap=realm.lifetime, clock=idp.clock.time)


def _facts(idp: Opened, ring: KeyRing) -> list[dict[str, Any]]:
    found = [{"kid": ring.current.kid, "alg": ring.current.alg, "state": "signs"}]
    until = ring.rotated_at + idp.realm.lifetime
    if ring.previous is not None and until > idp.clock.time():
        end = datetime.fromtimestamp(until, UTC).isoformat(timespec="seconds")
        found.append({"kid": ring.previous.kid, "alg": ring.previous.alg, "state": f"published until {end}"})
    return found


def _line(facts: Mapping[str, Any]) -> str:
    return f"{facts['kid']}  {facts['alg']}  {facts['state']}"
