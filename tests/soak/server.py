"""An MCP server outside of the stack: `python -m tests.soak.server PORT`. It is killed and started again."""

from __future__ import annotations

import sys

from fastmcp import FastMCP

mcp = FastMCP("server")


@mcp.tool
def echo(text: str) -> str:
    """Says what it heard."""
    return text


if __name__ == "__main__":
    mcp.run(
        transport="http",
        host="127.0.0.1",
        port=int(sys.argv[1]),
        path="/mcp",
        stateless_http=True,
        log_level="error",
        show_banner=False,
        uvicorn_config={"access_log": False},
    )
