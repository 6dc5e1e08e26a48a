"""Two small MCP servers to try a proxy, a bridge or a runtime with: everything offline, nothing stored.

`stateless` needs nothing from one call to the next: a story or a profile is requested, written by the
client, and submitted. `stateful` asks the client in the middle of a call (sampling, elicitation) and
keeps a counter in its process, which shows whether two calls reached the same one.
"""
