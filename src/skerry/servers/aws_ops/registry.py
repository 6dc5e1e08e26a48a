"""All tools by name: each file of `tools/` that has a `TOOL` is one.

`Registry.call` is the plain Python face; the other two stand on it.
"""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from skerry.errors import not_found
from skerry.servers.aws_ops import tools as package
from skerry.servers.aws_ops.cloud import OWN_CALLS, Cloud
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
    for what AWS has begun.
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
        self.cloud = Cloud(settings, frozenset().union(*(tool.calls() for tool in self.tools.values())))
        self._clock = clock
        self._sleep = sleep

    def call(self, name: str, arguments: object, *, region: str = "") -> dict[str, Any]:
        """Runs a tool; blocks while AWS answers.

        `region` is the caller's own, read when the arguments name none; one that does not exist counts
        for nothing.

        Raises ServiceError (ResourceNotFoundException, ValidationException) when the tool or its
        arguments are wrong, RemoteError when AWS refuses. Both say what to do in one line.
        """
        tool = self.tools.get(name)
        if tool is None:
            raise not_found(f"There is no tool '{name[:64]}'. There are: {', '.join(self.tools)}.")
        given = tool.arguments.check(arguments)
        if isinstance(tool, PlainTool):
            return tool.run(given, self._clock())
        operation = tool.operation(given["operation"])
        return Reading(self.cloud, tool, operation, given, region, self._clock(), self._sleep).run()

    def policy(self) -> dict[str, Any]:
        """The least that a role needs for these tools, as an IAM policy document."""
        own = {f"{service}:{name}" for service, name in OWN_CALLS}
        actions = own.union(*(tool.iam_actions() for tool in self.tools.values()))
        statement = {"Effect": "Allow", "Action": sorted(actions), "Resource": "*"}
        return {"Version": "2012-10-17", "Statement": [statement]}

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
