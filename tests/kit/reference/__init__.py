"""An MCP server of both eras with the tools, prompts and resources that the official conformance suite calls.

It stands on the low-level server of the mcp SDK. What it offers is described in tables of pure functions;
`conversation.py` turns their questions into requests of the server (up to 2025-11-25) or into rounds of
`input_required` (2026-07-28), so that every tool works in both.
"""
