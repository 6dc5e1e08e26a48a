"""Serving an MCP server over HTTP: by itself behind a gate, or in the container of a runtime."""

from __future__ import annotations

import socket

from fastmcp import FastMCP
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from skerry.auth.challenge import WELL_KNOWN
from skerry.servers.bearer_gate import BearerGate
from skerry.servers.http_auth import ProtectedResource
from skerry.servers.listener import announced
from skerry.serving import Server

PATH = "/mcp"


async def serve_gated(
    server: FastMCP, resource: ProtectedResource, sock: socket.socket, *, stateful: bool
) -> None:
    """Serves on a bound socket until a signal: every call but `ping` needs a token of the resource."""

    async def metadata(_: Request) -> Response:
        return JSONResponse(resource.metadata.document())

    for place in (resource.metadata_path, WELL_KNOWN):
        server.custom_route(place, methods=["GET"])(metadata)
    gate = Middleware(BearerGate, resource=resource, path=PATH)
    app = server.http_app(path=PATH, stateless_http=not stateful, middleware=[gate])
    ready = announced({"service": server.name, "url": resource.url})
    await Server(app, ready).serve(sockets=[sock])


def serve_in_container(server: FastMCP, *, host: str, port: int, stateful: bool) -> None:
    """Serves as a runtime of protocol MCP expects it, which has checked the bearer token already."""
    server.run(
        "http",
        host=host,
        port=port,
        path=PATH,
        stateless_http=not stateful,
        show_banner=False,
        uvicorn_config={"access_log": False, "log_level": "warning"},
    )
