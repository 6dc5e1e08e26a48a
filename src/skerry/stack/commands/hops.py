"""`skerry hops`: what happened on every hop, from the endpoint's recorder, or from its file afterwards."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from skerry.errors import NotRunningError
from skerry.stack.arguments import count
from skerry.stack.commands.env import add_state
from skerry.stack.hop_tree import placed
from skerry.stack.inspection import ask
from skerry.stack.record import newest
from skerry.stack.state import running


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_state(parser)
    parser.add_argument("--session", default="", metavar="ID", help="only hops of this runtime session")
    parser.add_argument("--trace", default="", metavar="ID", help="only hops of this trace (32 hex digits)")
    parser.add_argument(
        "--since", type=float, default=0.0, metavar="SECONDS", help="only hops after this time (since 1970)"
    )
    parser.add_argument(
        "--limit", type=count, default=200, metavar="N", help="the newest so many (default: %(default)s)"
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="with those of skerry's own looking, as until all is ready",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(options: argparse.Namespace) -> int:
    try:
        stack = running(options.state)
    except NotRunningError:
        found = [asdict(hop) for hop in newest(options.state, **_wanted(options))]
        print("no stack runs: this is what was kept", file=sys.stderr)
    else:
        found = fetch(stack, **_wanted(options))
    if options.json:
        for hop in found:
            print(json.dumps(hop))
        return 0
    lines = list(tree(found))
    if not lines:
        narrowed = options.session or options.trace or options.since
        print(
            "no such hops; without --session, --trace and --since all of them" if narrowed else "no hops yet",
            file=sys.stderr,
        )
    for line in lines:
        print(line)
    return 0


def _wanted(options: argparse.Namespace) -> dict[str, Any]:
    trace = options.trace.strip().lower()
    return {
        "session": options.session,
        "trace": trace,
        "since": options.since,
        "limit": options.limit,
        "looks": options.all,
    }


def fetch(
    stack: Mapping[str, Any],
    *,
    session: str = "",
    trace: str = "",
    since: float = 0.0,
    limit: int = 200,
    looks: bool = False,
) -> list[dict[str, Any]]:
    """The recorded hops, oldest first. Raises RemoteError when the endpoint does not answer."""
    query = (
        {"limit": str(limit)}
        | ({"session": session} if session else {})
        | ({"trace": trace} if trace else {})
        | ({} if looks else {"looks": "0"})
        | ({"since": str(since)} if since else {})
    )
    return list(ask(stack, "GET", f"hops?{urlencode(query)}"))


def tree(hops: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each hop, below the one that called it as far as that is known (`hop_tree`).

    A line says what was called, how the caller proved itself, who that was, how it went and how long it took.
    """
    for depth, hop in placed(hops):
        where = "  " * depth + f"{hop['part']} {hop['operation']}"
        if hop.get("target"):
            where += f" → {hop['target']}"
        proof = PROOFS.get(hop["auth"], hop["auth"])
        yield (
            f"{where:<64.64} {proof:<6} {shorten(hop['identity']):<44.44} {hop['status']} "
            f"{hop['duration_ms']:>7.1f} ms  {_detail(hop)}"
        ).rstrip()


PROOFS = {"client_secret_basic": "secret", "client_secret_post": "secret"}

# What the other columns say already, or what only a machine wants to know.
_HIDDEN = ("issuer", "qualifier", "version", "type", "protocol", "gateway", "backend")


def _detail(hop: Mapping[str, Any]) -> str:
    detail = dict(hop.get("detail", {}))
    if "dropped" in detail:  # what nobody sent is for --json
        notes = str(detail["dropped"]).split(", ")
        detail["dropped"] = ", ".join(note for note in notes if not note.endswith("(not sent)"))
    detail |= _permissions(hop.get("iam", ()))
    shown = {name: value for name, value in detail.items() if value and name not in _HIDDEN}
    return " ".join(f"{name}={value}" for name, value in shown.items())


def _permissions(notes: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What policies refused, and what decided; what they allowed is for --json."""
    found: dict[str, str] = {}
    for note in notes:
        for outcome in ("refused", "would_refuse"):
            if outcome in note:
                found[outcome] = f"{note['action']} ({note['by']})"
    return found


def shorten(identity: str) -> str:
    """An ARN without its account, an issuer without its scheme and host: what tells callers apart."""
    if identity.startswith("arn:"):
        return identity.split(":", 5)[5]
    name, separator, issuer = identity.partition("@")
    return f"{name}{separator}{issuer.split('/', 3)[-1]}" if "://" in issuer else identity
