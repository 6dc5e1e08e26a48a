"""`skerry proxy`: a stdio MCP server that relays to an AgentCore Runtime, a Gateway or any MCP URL."""
