"""`skerry status`: what runs, and the status of everything that was made, with reasons."""

from __future__ import annotations

import argparse
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError

from skerry.auth import local
from skerry.errors import NotRunningError, RemoteError
from skerry.stack.arguments import count
from skerry.stack.commands.env import add_state
from skerry.stack.control import Control
from skerry.stack.resources import Resource, lines, listed
from skerry.stack.state import running

TIMEOUT, PAUSE = 2.0, 0.2
"""Seconds to wait for a connection, and between two looks of `--wait`."""

Seen = tuple[Mapping[str, Any], Sequence[Resource]]
"""What a stack published, and the resources that it has."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_state(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")
    parser.add_argument(
        "--wait",
        type=count,
        default=0,
        metavar="SECONDS",
        help="first until a stack is ready, at most so long",
    )


def run(options: argparse.Namespace) -> int:
    """Shows it. Returns 1 when something has failed, or with `--wait` is still not ready.

    Raises NotRunningError when no stack runs, or with `--wait` none was ready in time.
    """

    def look() -> Seen:
        stack = running(options.state)
        return stack, everything(stack)

    stack, found = waited(look, options.wait, where=options.state) if options.wait else look()
    failed = any(one.failed for one in found)
    if options.json:
        told = {name: stack[name] for name in ("endpoint", "region", "pid", "file", "state")}
        print(json.dumps({**told, "failed": failed, "resources": [one.shown() for one in found]}))
    else:
        print(f"skerry runs at {stack['endpoint']}, {stack['region']} (process {stack['pid']})")
        print("\n".join([f"from {stack['file']}", *lines(found)]))
    return int(failed or (options.wait > 0 and any(one.moving for one in found)))


def waited(
    look: Callable[[], Seen],
    seconds: float,
    *,
    where: Path,
    now: Callable[[], float] = time.monotonic,
    pause: Callable[[float], object] = time.sleep,
) -> Seen:
    """What `look` sees of the stack on `where` once no status moves any more, or after `seconds`.

    Only `stack.json` is looked at, never the lock: a look at that could keep a stack from starting. Raises
    NotRunningError when there was none in time, RemoteError when it does not answer.
    """
    end = now() + seconds
    while True:
        try:
            stack, found = look()
            if now() >= end or not any(one.moving for one in found):
                return stack, found
        except NotRunningError as error:
            if now() >= end:
                raise NotRunningError(
                    f"no stack was ready on the state directory {where.resolve()} within {seconds:g} s.",
                    hint="skerry logs says how far it is; start one with: skerry up --detach",
                ) from error
        except RemoteError:
            if now() >= end:
                raise
        pause(PAUSE)


def everything(stack: Mapping[str, Any]) -> list[Resource]:
    """The resources of the control plane, the issuers and the services of a running stack."""
    found = list(_programs(stack))
    control = Control(stack["endpoint"], stack["region"], local.credentials(stack))
    try:
        return [*listed(control), *found]
    except BotoCoreError as error:
        raise RemoteError(
            f"{stack['endpoint']} does not answer ({type(error).__name__}).",
            hint="It may be ending or starting: look again. Its log: skerry logs endpoint",
        ) from error


def _programs(stack: Mapping[str, Any]) -> Iterator[Resource]:
    logs = Path(stack["state"]) / "logs"
    urls = [("issuer", name, item["issuer"], "idp") for name, item in stack["realms"].items()]
    urls += [("service", name, item["url"], name) for name, item in stack["services"].items()]
    for kind, name, url, log in urls:
        if listens(url):
            yield Resource(kind=kind, name=name, status="LISTENING")
        else:
            reason = f"nothing listens at {url}; its log: {logs / log}.log"
            yield Resource(kind=kind, name=name, status="GONE", reason=reason)


def listens(url: str) -> bool:
    """Whether somebody takes connections at a URL of this machine."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), TIMEOUT).close()
    except OSError:
        return False
    return True
