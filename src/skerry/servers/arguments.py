"""Arguments that a tool of a FastMCP server does not take are told in one line (`misfits`)."""

from __future__ import annotations

from fastmcp.exceptions import ToolError, ValidationError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult
from mcp import types
from pydantic import ValidationError as PydanticValidationError

from skerry.servers.misfits import told


class ReadableArguments(Middleware):
    """Turns what is wrong with the arguments of a call into one line with the code of ArgumentsError."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[types.CallToolRequestParams],
        call_next: CallNext[types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        try:
            return await call_next(context)
        except ValidationError as error:
            if not isinstance(error.__cause__, PydanticValidationError) or context.fastmcp_context is None:
                raise
            name = context.message.name
            tool = await context.fastmcp_context.fastmcp.get_tool(name)
            schema = tool.parameters if tool is not None else {}
            raise ToolError(told(name, schema, error.__cause__)) from None
