"""The server: the tables behind the low-level server of the mcp SDK, over stdio or HTTP."""

from __future__ import annotations

import json
import socket
from typing import Any

import uvicorn
from mcp import MCPError, types
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.stdio import stdio_server
from mcp.server.subscriptions import ListenHandler
from starlette.applications import Starlette

from tests.kit.reference import prompts, resources
from tests.kit.reference.conversation import Context
from tests.kit.reference.replay import Replay
from tests.kit.reference.subscriptions import Subscriptions
from tests.kit.reference.tools import Outcome, tools

NAME = "skerry-reference"
STATE_KEY = "no secret: any process of this server goes on with what another began"
RETRY = 50
"""Milliseconds that a client waits before it comes back to a legacy stream."""


def reference_server() -> Server[Any]:
    """A server with every fixture, for one process."""
    subscriptions = Subscriptions()
    table = tools(subscriptions)

    async def list_tools(_: Context, _params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[tool.listed() for tool in table.values()])

    async def call_tool(context: Context, params: types.CallToolRequestParams) -> Outcome:
        tool = table.get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"there is no tool {params.name}")
        return await tool.run(context, params)

    async def list_prompts(
        _: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=prompts.listed())

    async def list_resources(
        _: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=resources.listed())

    async def list_templates(
        _: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=resources.templates())

    server: Server[Any] = Server(
        NAME,
        version="1",
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_prompts=list_prompts,
        on_get_prompt=prompts.get,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=resources.read,
        on_subscribe_resource=subscriptions.subscribe,
        on_unsubscribe_resource=subscriptions.unsubscribe,
        on_subscriptions_listen=ListenHandler(subscriptions.bus),
        on_completion=prompts.complete,
    )
    # Not by the constructor: that warns, because 2026-07-28 has no such method.
    server.add_request_handler("logging/setLevel", types.SetLevelRequestParams, set_level)
    security = RequestStateSecurity(keys=[STATE_KEY])
    server.middleware.append(RequestStateBoundary(security, default_audience=NAME))
    return server


async def set_level(_context: Context, _params: types.SetLevelRequestParams) -> types.EmptyResult:
    return types.EmptyResult()


def application(server: Server[Any]) -> Starlette:
    """The server at `/mcp`, in both eras."""
    return server.streamable_http_app(event_store=Replay(), retry_interval=RETRY)


async def serve_stdio() -> None:
    server = reference_server()
    changes = NotificationOptions(prompts_changed=True, resources_changed=True, tools_changed=True)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options(changes))


def serve_http(port: int) -> None:
    """Serves on the loopback; prints `{"ready": true, "url": …}` when it listens. Port 0 takes a free one."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        print(json.dumps({"ready": True, "url": url}), flush=True)
        # h11 takes the whitespace around a header's value away (RFC 9110, 5.5), httptools leaves it behind it.
        configuration = uvicorn.Config(application(reference_server()), http="h11", log_level="warning")
        uvicorn.Server(configuration).run(sockets=[listener])
