"""Settings of the functions plane."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skerry.errors import ConfigurationError

_RESERVED = """
    _HANDLER _X_AMZN_TRACE_ID AWS_DEFAULT_REGION AWS_REGION AWS_EXECUTION_ENV AWS_LAMBDA_FUNCTION_NAME
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE AWS_LAMBDA_FUNCTION_VERSION AWS_LAMBDA_INITIALIZATION_TYPE
    AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME AWS_ACCESS_KEY AWS_ACCESS_KEY_ID
    AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_LAMBDA_RUNTIME_API LAMBDA_TASK_ROOT
    LAMBDA_RUNTIME_DIR"""
RESERVED = frozenset(_RESERVED.split())
"""Variables that a function cannot set.

Source: Lambda developer guide, "Defined runtime environment variables".
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cors:
    """What browsers of other origins may do with a Function URL."""

    allow_origins: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    allow_credentials: bool = False
    max_age: int = 0

    def problem(self) -> str:
        """Why this cannot be, empty when it can."""
        if self.allow_credentials and "*" in self.allow_origins:
            return "credentials for every origin would let any page act as its visitor; name the origins"
        if not 0 <= self.max_age <= 86400:
            return "max_age must be 0 to 86400 seconds"
        return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class UrlSettings:
    """A Function URL: `auth` is `iam` or `none`; with `stream` answers come as they are produced."""

    auth: str = "iam"
    stream: bool = False
    cors: Cors | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionSettings:
    """One function: `handler` is `module.function` in the folder `path`.

    Instead of a handler, `web` is the command of a web server, which gets its port as PORT and is ready when
    `ready` answers with less than 500. `late` functions are not started ahead before `start_late`.

    `timeout` is in seconds, `memory` in MB; the handler is told of it and it is not enforced. `python` is the
    interpreter (relative to `path`), by default that of the plane; it needs `awslambdaric`. `role` is the ARN
    of the execution role, by default one named as the function. `warm` environments are started ahead, by
    default as many as the plane's.
    """

    path: Path
    handler: str = ""
    web: tuple[str, ...] = ()
    ready: str = "/"
    url: UrlSettings | None = None
    late: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 60.0
    memory: int = 512
    python: str = ""
    role: str = ""
    warm: int | None = None

    def check(self, name: str) -> None:
        """Raises ConfigurationError for what cannot work."""
        where = f"The function {name}"
        if not self.path.is_dir():
            raise ConfigurationError(f"{where}: its path {self.path} is no folder.")
        if bool(self.web) == bool(self.handler):
            raise ConfigurationError(f"{where} needs either a handler or web, the command of a web server.")
        if self.web and not self.ready.startswith("/"):
            raise ConfigurationError(f"{where}: ready is '{self.ready}', which is no path such as /health.")
        if self.url is not None and self.url.auth not in ("iam", "none"):
            raise ConfigurationError(f"{where}: the auth of its url must be iam or none.")
        if self.url is not None and self.url.cors is not None and self.url.cors.problem():
            raise ConfigurationError(f"{where}: its cors: {self.url.cors.problem()}.")
        if self.handler and "." not in self.handler:
            raise ConfigurationError(
                f"{where}: its handler '{self.handler}' must be module.function.",
                hint="For def handler(event, context) in app.py write app.handler.",
            )
        taken = sorted(RESERVED & set(self.environment))
        if taken:
            listed = ", ".join(taken)
            raise ConfigurationError(f"{where} sets variables that Lambda keeps for itself: {listed}.")
        if not 0 < self.timeout <= 900:
            raise ConfigurationError(f"{where}: its timeout must be more than 0 and at most 900 seconds.")


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionsSettings:
    """All functions of a stack and how their environments are kept.

    `endpoint` is the stack's base URL, given to handlers as AWS_ENDPOINT_URL. `warm` environments of each
    function are started ahead and kept, others end after `idle` seconds without work, and no more than
    `environments` live at once: they share this machine. `concurrency` is the most invocations of one
    function that run or wait, by default that of an AWS account, `queue` the most waiting events. `init` is
    the time in seconds in which an environment must be ready. `token_clock` is the file that moves the clock
    which tokens end by, told to handlers that check some. `node` runs handlers for Node, "" where
    there is none.
    """

    state: Path
    endpoint: str
    region: str
    account: str
    functions: Mapping[str, FunctionSettings] = field(default_factory=dict)
    python: str = sys.executable
    warm: int = 1
    idle: float = 300.0
    environments: int = 10
    concurrency: int = 1000
    queue: int = 1000
    init: float = 30.0
    token_clock: Path | None = None
    node: str = ""
