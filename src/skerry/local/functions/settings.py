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
class FunctionSettings:
    """One function: `handler` is `module.function` in the folder `path`.

    `timeout` is in seconds, `memory` in MB; the handler is told of it and it is not enforced. `python` is the
    interpreter (relative to `path`), by default that of the plane; it needs `awslambdaric`. `role` is the ARN
    of the execution role, by default one named as the function.
    """

    path: Path
    handler: str
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 60.0
    memory: int = 512
    python: str = ""
    role: str = ""

    def check(self, name: str) -> None:
        """Raises ConfigurationError for what cannot work."""
        where = f"The function {name}"
        if not self.path.is_dir():
            raise ConfigurationError(f"{where}: its path {self.path} is no folder.")
        if "." not in self.handler:
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
    the time in seconds in which an environment must be ready.
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
