"""A function as its environments need it, and the variables that its handler sees."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from skerry.auth.aws.sigv4 import Credentials
from skerry.local.functions import bootstrap, web_adapter
from skerry.local.functions.names import LATEST
from skerry.local.functions.settings import FunctionSettings, FunctionsSettings
from skerry.local.ports.monitoring import Invoked
from skerry.settings.values import TOKEN_CLOCK

_NODE_CLIENT = Path(__file__).with_name("node_client.cjs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function as its environments need it; `node` runs its handler where that is not Python."""

    name: str
    arn: str
    settings: FunctionSettings
    plane: FunctionsSettings
    version: str = LATEST
    node: str = ""

    @property
    def python(self) -> str:
        """The interpreter that runs the handler; a relative path begins at the function's folder."""
        python = self.settings.python
        if python and len(Path(python).parts) > 1:
            return str(self.settings.path.resolve() / python)
        return python or self.plane.python

    @property
    def role(self) -> str:
        """The ARN of the execution role."""
        return self.settings.role or f"arn:aws:iam::{self.plane.account}:role/{self.name}"

    @property
    def log_group(self) -> str:
        """The log group that has what it prints."""
        return f"/aws/lambda/{self.name}"

    def invoked(self, arn: str) -> Invoked:
        """Whose figures an invocation by an ARN counts for."""
        return Invoked(self.plane.region, self.name, arn.partition(":function:")[2] or self.name)

    @property
    def warm(self) -> int:
        """How many environments are started ahead and kept."""
        return self.plane.warm if self.settings.warm is None else self.settings.warm

    def command(self) -> list[str]:
        """What an environment runs: a runtime client for a handler (AWS's for Python), or our adapter."""
        if self.settings.web:
            return [sys.executable, bootstrap.__file__, "--program", web_adapter.__file__, *self.settings.web]
        if self.node:
            return [self.node, str(_NODE_CLIENT)]
        return [self.python, bootstrap.__file__, self.settings.handler]

    def code_time(self) -> float:
        """When the file of the handler's module was written, in seconds since the epoch; 0 without one."""
        if self.settings.web:
            return 0.0
        module = self.settings.handler.rpartition(".")[0]
        file = self.settings.path.joinpath(*module.replace("/", ".").split(".")).with_suffix(".py")
        with contextlib.suppress(OSError):
            return file.stat().st_mtime
        return 0.0


def variables(
    function: Function, credentials: Credentials, address: str, folder: Path, log_stream: str
) -> dict[str, str]:
    """The whole environment of a process: what Lambda sets, the function's own, and where the stack is.

    Source: Lambda developer guide, "Defined runtime environment variables".
    """
    settings, plane = function.settings, function.plane
    execution = f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}"
    program = Path(function.node or function.python).parent
    return {
        "PATH": os.pathsep.join([str(program), "/usr/local/bin", "/usr/bin", "/bin"]),
        "LANG": "en_US.UTF-8",
        "PYTHONUTF8": "1",
        "TZ": ":UTC",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": plane.endpoint,
        **({TOKEN_CLOCK: str(plane.token_clock)} if plane.token_clock else {}),
        # What another interpreter is, is not known here; runtime clients do without.
        **({} if settings.python or function.node else {"AWS_EXECUTION_ENV": execution}),
        **settings.environment,
        **_of_adapter(settings),
        "_HANDLER": settings.handler or " ".join(settings.web),
        "LAMBDA_TASK_ROOT": str(settings.path.resolve()),
        "LAMBDA_RUNTIME_DIR": str(settings.path.resolve()),
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(settings.memory),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_REGION": plane.region,
        "AWS_DEFAULT_REGION": plane.region,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token or "",
    }


def _of_adapter(settings: FunctionSettings) -> dict[str, str]:
    """What the web adapter is told, under the names that AWS's own one reads."""
    if not settings.web:
        return {}
    stream = settings.url is not None and settings.url.stream
    return {
        "AWS_LWA_READINESS_CHECK_PATH": settings.ready,
        "AWS_LWA_INVOKE_MODE": "response_stream" if stream else "buffered",
    }
