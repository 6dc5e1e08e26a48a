"""An MCP server as AgentCore Runtime hosts it: stateless Streamable HTTP on port 8000."""

from fastmcp import FastMCP

mcp = FastMCP("weather")
FORECASTS = {"paris": "18 °C, light rain", "reykjavik": "4 °C, wind", "nairobi": "25 °C, sun"}


@mcp.tool(annotations={"readOnlyHint": True})
def get_forecast(city: str) -> str:
    """The weather forecast for a city."""
    return f"{city}: {FORECASTS.get(city.lower(), 'no station there')}"


if __name__ == "__main__":
    mcp.run(transport="http", host="0.0.0.0", port=8000, stateless_http=True, show_banner=False)
