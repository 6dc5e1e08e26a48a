"""`skerry bridge`: hosts a stdio MCP server behind the AgentCore container contract."""
