"""Serving an MCP server over HTTP: by itself behind a door, or in the container of a runtime."""

from __future__ import annotations

import socket

from fastmcp import FastMCP

from skerry.servers.listener import announced, url_of
from skerry.servers.resource_auth import ResourceAuth
from skerry.serving import Server

PATH = "/mcp"


async def serve_gated(server: FastMCP, auth: ResourceAuth, sock: socket.socket, *, stateful: bool) -> None:
    """Serves on a bound socket until a signal, to those whom `auth` lets in."""
    server.auth = auth
    app = server.http_app(path=PATH, stateless_http=not stateful)
    ready = announced({"service": server.name, "url": url_of(sock) + PATH})
    await Server(app, ready).serve(sockets=[sock])


async def serve_open(server: FastMCP, service: str, sock: socket.socket) -> None:
    """Serves on a bound socket until a signal, to every caller; it is announced as `service`.

    Requests under another name than this machine's and pages from elsewhere are refused.
    """
    app = server.http_app(path=PATH, stateless_http=True, host_origin_protection="auto")
    ready = announced({"service": service, "url": url_of(sock) + PATH})
    await Server(app, ready).serve(sockets=[sock])


def serve_in_container(server: FastMCP, *, host: str, port: int, stateful: bool) -> None:
    """Serves as a runtime of protocol MCP expects it, which has checked the bearer token already.

    On loopback, requests under another name than this machine's and pages from elsewhere are refused.
    """
    server.run(
        "http",
        host=host,
        port=port,
        path=PATH,
        stateless_http=not stateful,
        show_banner=False,
        host_origin_protection="auto",
        uvicorn_config={"access_log": False, "log_level": "warning"},
    )
