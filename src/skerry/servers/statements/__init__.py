"""The statements MCP server: bank statements that need a key of the person's, typed on a page of the server.

The statements are made up. What is real is the road of the key: from the person's browser to this server,
past client, gateway and model.
"""
