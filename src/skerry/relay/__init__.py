"""How MCP messages travel: over Streamable HTTP, over stdio, and from one protocol era to the other.

What the proxy, the bridge and the gateway share. It takes plain arguments, never settings.
"""
