"""The official MCP conformance suite against a reference server: directly, and through everything skerry has."""
