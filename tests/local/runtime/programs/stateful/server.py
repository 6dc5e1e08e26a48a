"""An MCP server with sessions of its own: it asks the user in the middle of a tool call."""

import os

from fastmcp import Context, FastMCP
from pydantic import BaseModel

mcp = FastMCP("stateful")


class Answer(BaseModel):
    agreed: bool


@mcp.tool
def whoami() -> dict:
    return {"pid": os.getpid()}


@mcp.tool
async def ask(question: str, ctx: Context) -> str:
    answer = await ctx.elicit(question, Answer)
    return f"{answer.action}: {answer.data.agreed}" if answer.action == "accept" else answer.action


if __name__ == "__main__":
    mcp.run(transport="http", host="127.0.0.1", port=8000, show_banner=False)
