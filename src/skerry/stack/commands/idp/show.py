"""`skerry idp show`: the issuers and where their endpoints are."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from skerry.auth import local
from skerry.stack.commands.idp.opened import opened


def run(options: argparse.Namespace) -> tuple[Mapping[str, Any], Iterable[str]]:
    """The realm that was named, else all; URLs are known while a stack runs."""
    idp = opened(options.state, options.realm)
    chosen = [idp.realm.name] if options.realm else list(idp.realms)
    running = (local.read(options.state) or {}).get("realms", {})
    found = {
        name: {
            "dialect": idp.realms[name].dialect,
            "issuer": running.get(name, {}).get("issuer", ""),
            "endpoints": running.get(name, {}).get("endpoints", {}),
            "lifetime": idp.realms[name].lifetime,
        }
        for name in chosen
    }
    return {"running": bool(running), "moved": idp.clock.lead, "realms": found}, _lines(found)


def _lines(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, realm in found.items():
        yield f"{name}  {realm['dialect']}  {realm['issuer'] or 'not running: skerry up'}"
        yield from (f"  {kind:<12} {url}" for kind, url in realm["endpoints"].items())
