"""A stand-in for a Gateway whose tools become more while it runs, and that says so to who listens.

It is mcp's own server, since that serves `subscriptions/listen`; it says nothing about AWS's Gateway.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from mcp.server.mcpserver import Context, MCPServer
from mcp.types import ToolAnnotations
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from tests.kit.asgi_thread import serve
from tests.kit.mcp_gateway import Front, StandIn

READS = ToolAnnotations(read_only_hint=True)


@contextlib.contextmanager
def changing_gateway(*, legacy: bool = False) -> Iterator[StandIn]:
    """A running one; its tool `demo___grow` adds `demo___grown` and tells."""
    server = MCPServer("changing-gateway")

    @server.tool(name="demo___grow", annotations=READS)
    async def grow(ctx: Context) -> str:
        """Adds a tool."""
        server.add_tool(lambda: "grown", name="demo___grown", description="Grown.", annotations=READS)
        if ctx.request_context.protocol_version in MODERN_PROTOCOL_VERSIONS:
            await ctx.notify_tools_changed()
        else:
            await ctx.session.send_tool_list_changed()
        return "done"

    stand_in = StandIn()
    with serve(Front(server.streamable_http_app(), stand_in, legacy=legacy)) as url:
        stand_in.url = f"{url}/mcp"
        yield stand_in
