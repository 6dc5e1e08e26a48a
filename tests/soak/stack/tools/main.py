"""An MCP server in a runtime that says what it heard."""

from fastmcp import FastMCP

mcp = FastMCP("tools")


@mcp.tool
def echo(text: str) -> str:
    """Says what it heard."""
    return text


if __name__ == "__main__":
    mcp.run(
        transport="http",
        host="127.0.0.1",
        port=8000,
        path="/mcp",
        stateless_http=True,
        log_level="warning",
        show_banner=False,
    )
