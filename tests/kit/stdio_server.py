"""A small MCP server over stdio, run as a program by tests of stdio clients."""

from __future__ import annotations

import sys

from mcp.server.mcpserver import MCPServer

server = MCPServer("stdio-stand-in")


@server.tool()
def add(first: int, second: int) -> int:
    """Adds two numbers."""
    return first + second


@server.tool()
def arguments() -> str:
    """What the program was started with."""
    return " ".join(sys.argv[1:])


if __name__ == "__main__":
    server.run("stdio")
