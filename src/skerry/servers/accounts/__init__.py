"""Accounts: an API with a database (`api`), and an MCP server in front of it (`server`).

The two meet only on the wire: the server exchanges its caller's token for one of the API's.
"""
