"""`skerry status`: what runs, and the status of everything that was made, with reasons."""

from __future__ import annotations

import argparse
import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError

from skerry.auth import local
from skerry.errors import RemoteError
from skerry.stack.control import Control
from skerry.stack.env import add_state
from skerry.stack.resources import Resource, lines, listed
from skerry.stack.state import running

TIMEOUT = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_state(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")


def run(options: argparse.Namespace) -> int:
    """Shows it. Returns 1 when something has failed. Raises NotRunningError when no stack runs."""
    stack = running(options.state)
    found = everything(stack)
    failed = any(one.failed for one in found)
    if options.json:
        told = {name: stack[name] for name in ("endpoint", "region", "pid", "file", "state")}
        print(json.dumps({**told, "failed": failed, "resources": [one.shown() for one in found]}))
    else:
        print(f"skerry runs at {stack['endpoint']}, {stack['region']} (process {stack['pid']})")
        print("\n".join([f"from {stack['file']}", *lines(found)]))
    return int(failed)


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
