"""The MCP face: the same tools on FastMCP, over stdio and streamable HTTP."""

from __future__ import annotations

import functools
from typing import Any

import anyio.to_thread
from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.server.dependencies import get_http_headers
from fastmcp.tools.base import Tool, ToolResult
from mcp_types import TextContent, ToolAnnotations
from pydantic import PrivateAttr

from skerry.errors import RemoteError, ServiceError
from skerry.servers.aws_ops import table
from skerry.servers.aws_ops.registry import Registry
from skerry.wire import trace
from skerry.wire.context import REGION

INSTRUCTIONS = (
    "Reads an AWS account and never changes it. Every service tool takes an operation and a region; "
    "an answer that says truncated goes on with its next_token."
)


class RegistryTool(Tool):
    """A tool of the registry as FastMCP sees it. Its calls run in a thread, because boto3 blocks."""

    _registry: Registry = PrivateAttr()

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        """The answer as structured content and as a table in text. Raises ToolError with one line."""
        try:
            headers = get_http_headers()
            region = headers.get(REGION.lower(), "")
            call = functools.partial(self._registry.call, self.name, arguments, region=region)
            with trace.within(trace.caller(headers)):
                answer = await anyio.to_thread.run_sync(call)
        except (ServiceError, RemoteError) as error:
            raise ToolError(str(error)) from error
        text = TextContent(type="text", text=table.render(answer))
        return ToolResult(content=[text], structured_content=answer)

    @classmethod
    def of(cls, registry: Registry, name: str) -> RegistryTool:
        """The tool `name` of `registry`."""
        tool = registry.tools[name]
        made = cls(
            name=tool.name,
            title=tool.title,
            description=tool.description,
            parameters=tool.arguments.json_schema(),
            annotations=ToolAnnotations(
                read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True
            ),
        )
        made._registry = registry
        return made


def create_server(registry: Registry) -> FastMCP:
    """An MCP server with every tool of the registry."""
    server: FastMCP = FastMCP("skerry aws_ops", instructions=INSTRUCTIONS, mask_error_details=True)
    for name in registry.tools:
        server.add_tool(RegistryTool.of(registry, name))
    return server
