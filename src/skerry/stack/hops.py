"""`skerry hops`: what happened on every hop, from the endpoint's recorder."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx2

from skerry.auth.sigv4 import Credentials, sign
from skerry.errors import RemoteError
from skerry.stack.env import add_state
from skerry.stack.state import running


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_state(parser)
    parser.add_argument("--session", default="", metavar="ID", help="only hops of this runtime session")
    parser.add_argument(
        "--since", type=float, default=0.0, metavar="SECONDS", help="only hops after this time"
    )
    parser.add_argument("--limit", type=int, default=200, help="the newest so many (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(options: argparse.Namespace) -> int:
    stack = running(options.state)
    found = fetch(stack, session=options.session, since=options.since, limit=options.limit)
    if options.json:
        for hop in found:
            print(json.dumps(hop))
        return 0
    lines = list(table(found))
    if not lines:
        print("no hops yet", file=sys.stderr)
    for line in lines:
        print(line)
    return 0


def fetch(
    stack: Mapping[str, Any], *, session: str = "", since: float = 0.0, limit: int = 200
) -> list[dict[str, Any]]:
    """The recorded hops, oldest first. Raises RemoteError when the endpoint does not answer."""
    query = (
        {"limit": str(limit)}
        | ({"session": session} if session else {})
        | ({"since": str(since)} if since else {})
    )
    url = f"{stack['endpoint']}/_skerry/hops?{urlencode(query)}"
    credentials = Credentials(stack["access_key_id"], stack["secret_access_key"])
    try:
        with httpx2.Client(trust_env=False, timeout=10) as http:
            request = http.build_request("GET", url)
            signed = sign(
                "GET",
                url,
                {},
                b"",
                credentials=credentials,
                region=stack["region"],
                service="skerry",
                now=time.time(),
            )
            request.headers.update(signed)
            reply = http.send(request)
            reply.raise_for_status()
            answer = reply.json()
    except (httpx2.HTTPError, ValueError) as error:
        raise RemoteError(f"the recorder of {stack['endpoint']} does not answer: {error}.") from error
    return list(answer)


def table(hops: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """A line for each hop: part, operation, how the caller proved itself, who it was, how it went."""
    for hop in hops:
        identity = shorten(hop["identity"])
        detail = " ".join(f"{name}={value}" for name, value in hop.get("detail", {}).items() if value)
        target = f" → {hop['target']}" if hop.get("target") else ""
        yield (
            f"{hop['part']:<13} {hop['operation'] + target:<52.52} {hop['auth']:<6} {identity:<46.46} "
            f"{hop['status']} {hop['duration_ms']:>7.1f} ms  {detail}"
        ).rstrip()


def shorten(identity: str) -> str:
    """An ARN without its account, an issuer without its scheme and host: what tells callers apart."""
    if identity.startswith("arn:"):
        return identity.split(":", 5)[5]
    name, separator, issuer = identity.partition("@")
    return f"{name}{separator}{issuer.split('/', 3)[-1]}" if "://" in issuer else identity
