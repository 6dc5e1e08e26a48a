"""Declared functions as Lambda's API shows them: GetFunction, GetFunctionConfiguration, ListFunctions.

They have no deployment package, hence no hash and no size of code; Description and Location say where they
are. skerry.toml alone changes them.

Source: service model of Lambda (2015-03-31).
"""

from __future__ import annotations

import json
import math
import platform
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from skerry.errors import ServiceError
from skerry.local.api import rest_json, service_model
from skerry.local.api.rest_json import Reply
from skerry.local.api.service_model import Match
from skerry.local.functions.function import Function
from skerry.local.functions.names import LATEST

_PATH = re.compile(r"/2015-03-31/functions/([^/]+)(?:/configuration|/code)?/?")
_SHOWN = frozenset({"GetFunction", "GetFunctionConfiguration"})
OPERATIONS = _SHOWN | {"DeleteFunction", "UpdateFunctionCode", "UpdateFunctionConfiguration"}
_MACHINES = {"aarch64": "arm64", "arm64": "arm64"}


def shown_name(raw_path: bytes) -> str | None:
    """The function that a path of these operations names, or None for another path."""
    found = _PATH.fullmatch(raw_path.decode("latin-1"))
    return found[1] if found else None


def perform(match: Match, function: Function, since: float) -> Reply:
    """Shows a declared function, which is there `since` a time (seconds since the epoch).

    Raises ResourceConflictException for an operation that would change or delete it.
    """
    if match.operation.name not in _SHOWN:
        raise ServiceError(
            "ResourceConflictException",
            409,
            f"The function {function.name} is declared in skerry.toml; change it there.",
            members={"Type": "User"},
        )
    shown = configuration(function, since)
    if match.operation.name == "GetFunction":
        location = function.settings.path.resolve().as_uri()
        shown = {"Configuration": shown, "Code": {"RepositoryType": "skerry", "Location": location}}
    return rest_json.reply(service_model.load("lambda"), match.operation, shown)


def configuration(function: Function, since: float) -> dict[str, Any]:
    """FunctionConfiguration. Another interpreter than skerry's, and a web server, have no Runtime."""
    settings = function.settings
    changed = datetime.fromtimestamp(function.code_time() or since, UTC)
    shown: dict[str, Any] = {
        "FunctionName": function.name,
        "FunctionArn": function.arn,
        "Role": function.role,
        "Description": f"Declared in skerry.toml: {settings.path.resolve()}",
        "Timeout": math.ceil(settings.timeout),
        "MemorySize": settings.memory,
        "LastModified": changed.isoformat(timespec="milliseconds").replace("+00:00", "+0000"),
        "Version": LATEST,
        "TracingConfig": {"Mode": "PassThrough"},
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": [_MACHINES.get(platform.machine().lower(), "x86_64")],
    }
    if settings.handler:
        shown["Handler"] = settings.handler
    if settings.handler and not settings.python:
        shown["Runtime"] = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if settings.environment:
        shown["Environment"] = {"Variables": dict(settings.environment)}
    return shown


def listed(body: bytes, functions: Iterable[Function], since: float) -> bytes:
    """The embedded cloud's answer to ListFunctions, with the declared functions before its own."""
    try:
        answer = json.loads(body)
        others = answer["Functions"]
    except (ValueError, KeyError, TypeError):
        return body
    own = [configuration(function, since) for function in functions]
    names = {item["FunctionName"] for item in own}
    others = [item for item in others if item.get("FunctionName") not in names]
    return json.dumps({**answer, "Functions": [*own, *others]}).encode()
