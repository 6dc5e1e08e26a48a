"""`[functions.NAME]` of skerry.toml: Lambda functions and web servers, and their Function URLs.

path, handler | web, ready        where the code is, and what runs it
environment, timeout, python      as the names say
warm                              environments that are started ahead (1)
[….url]                           auth, invoke_mode, cors
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skerry.stack.declared.table import Table


@dataclass(frozen=True, slots=True)
class FunctionUrl:
    """The HTTP door of a function. `cors` has the rules for browsers by the names of the file."""

    auth: str
    stream: bool
    cors: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function for Python: `handler` is `module.function` in `path`.

    Instead, `web` is the command of a web server, which is ready when the path `ready` answers. `warm`
    environments are started ahead.
    """

    name: str
    path: Path
    handler: str
    web: tuple[str, ...]
    ready: str
    url: FunctionUrl | None
    environment: Mapping[str, str]
    timeout: float
    python: str
    warm: int


def read(part: Table, name: str) -> Function:
    """One function. Raises ConfigurationError that names file and table."""
    function = Function(
        name=name,
        path=part.path(part.text("path")),
        handler=part.text("handler", ""),
        web=part.texts("web"),
        ready=part.text("ready", "/health"),
        url=None if part.raw("url", None) is None else _url(part.table("url")),
        environment=part.environment(),
        timeout=part.number("timeout", 60),
        python=part.text("python", ""),
        warm=part.count("warm", 1),
    )
    if bool(function.handler) == bool(function.web):
        raise part.problem("", "needs either handler (module.function) or web (the command of a web server)")
    part.finish()
    return function


def _url(part: Table) -> FunctionUrl:
    cors = part.table("cors")
    rules = {
        **{
            name: cors.texts(name)
            for name in ("allow_origins", "allow_methods", "allow_headers", "expose_headers")
        },
        "allow_credentials": cors.flag("allow_credentials", default=False),
        "max_age": int(cors.number("max_age", 0)) if "max_age" in part.mapping("cors") else 0,
    }
    url = FunctionUrl(
        auth=part.choice("auth", ("iam", "none"), "iam"),
        stream=part.choice("invoke_mode", ("buffered", "response_stream"), "buffered") == "response_stream",
        cors=rules if part.mapping("cors") else {},
    )
    cors.finish()
    part.finish()
    return url
