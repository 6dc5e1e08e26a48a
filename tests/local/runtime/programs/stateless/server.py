"""An MCP server that keeps no sessions."""

import os

from fastmcp import FastMCP
from fastmcp.server.dependencies import get_http_headers

mcp = FastMCP("stateless")


@mcp.tool
def whoami() -> dict:
    return {"pid": os.getpid(), "headers": get_http_headers(include_all=True)}


@mcp.tool
def fail() -> str:
    raise ValueError("on purpose")


if __name__ == "__main__":
    mcp.run(transport="http", host="0.0.0.0", port=8000, stateless_http=True, show_banner=False)
