"""Read-only AWS tools: one definition per tool, three faces.

A file in `tools/` defines a tool. `registry` finds it; `handler` serves it as a Lambda function behind a
Gateway target, `server` as an MCP server, and `Registry.call` from plain Python. Nothing here imports
boto3 or an MCP library before the first call that needs it.
"""
