"""All tools by name: each file of `tools/` that has a `TOOL` is one.

`Registry.call` is the plain Python face; the other two stand on it.
"""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from skerry.errors import ConfigurationError, not_found
from skerry.servers.aws_ops import beyond, policy, secrets
from skerry.servers.aws_ops import tools as package
from skerry.servers.aws_ops.cloud import OWN_CALLS, Calls, Cloud
from skerry.servers.aws_ops.definition import PlainTool, ServiceTool, Tool
from skerry.servers.aws_ops.reader import Reading
from skerry.settings import AwsOpsSettings


def find() -> Iterator[Tool]:
    """The tools of this package, by file name."""
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):
        tool = importlib.import_module(f"{package.__name__}.{module.name}").TOOL
        if not isinstance(tool, ServiceTool | PlainTool):
            raise TypeError(f"TOOL in {module.name}.py is no tool definition.")
        yield tool


class Registry:
    """Tools and the cloud they read.

    `tools` are all of this package when left out; `clock` gives seconds since the epoch, and `sleep` waits
    for what AWS has begun. Raises ConfigurationError when a tool lists a call that hands out secrets.
    """

    def __init__(
        self,
        settings: AwsOpsSettings,
        tools: Iterable[Tool] | None = None,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.tools = {tool.name: tool for tool in (find() if tools is None else tools)}
        for tool in self.tools.values():
            _check(tool)
        self.cloud = Cloud(settings, self._calls())
        self._clock = clock
        self._sleep = sleep

    def call(self, name: str, arguments: object, *, region: str = "") -> dict[str, Any]:
        """Runs a tool; blocks while AWS answers.

        `region` is the caller's own, read when the arguments name none; one that does not exist counts
        for nothing.

        Raises ServiceError (ResourceNotFoundException, ValidationException) when the tool or its
        arguments are wrong, or ask for a write (ReadOnlyException: what it would take); RemoteError when AWS
        refuses. All say what to do in one line.
        """
        tool = self.tools.get(name)
        if tool is None:
            raise not_found(f"There is no tool '{name[:64]}'. There are: {', '.join(self.tools)}.")
        if isinstance(tool, ServiceTool):
            refused = beyond.refusal(tool, arguments)
            if refused is not None:
                raise refused
        given = tool.arguments.check(arguments)
        if isinstance(tool, PlainTool):
            return tool.run(given, self._clock())
        operation = tool.operation(given["operation"])
        return Reading(self.cloud, tool, operation, given, region, self._clock(), self._sleep).run()

    def policy(self) -> dict[str, Any]:
        """The least that a role needs for these tools, as an IAM policy document.

        With roles of other accounts in the settings, it also allows to assume these.
        """
        needs = {policy.need(service, api) for service, api in self._calls() | OWN_CALLS}
        return policy.document(needs, self.cloud.settings.roles)

    def gateway_schema(self) -> list[dict[str, Any]]:
        """The `inlinePayload` of a Gateway's Lambda target."""
        return [
            {
                "name": tool.name,
                "description": tool.description,
                "inputSchema": tool.arguments.gateway_schema(),
            }
            for tool in self.tools.values()
        ]

    def _calls(self) -> Calls:
        return frozenset().union(*(tool.calls() for tool in self.tools.values()))


def _check(tool: Tool) -> None:
    for service, api in sorted(tool.calls()):
        why = secrets.REFUSED.get((service, api))
        if why is not None:
            raise ConfigurationError(
                f"The tool {tool.name} lists {service}:{api}, which {why}.",
                hint="No tool may; servers/aws_ops/secrets.py has the table.",
            )
