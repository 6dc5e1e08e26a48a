"""A stdio MCP server as an AgentCore runtime of protocol MCP: one child for all, because it keeps nothing."""

import sys

from skerry.cli import main

SERVER = [sys.executable, "-m", "skerry.servers.demo", "stateless"]  # your own stdio server goes here

if __name__ == "__main__":
    sys.exit(main(["bridge", "--protocol", "mcp", "--shared", "--", *SERVER]))
