"""A stdio MCP server as an AgentCore runtime of protocol HTTP: one child per session, kept between calls."""

import sys

from skerry.cli import main

SERVER = [sys.executable, "-m", "skerry.servers.demo", "stateful"]  # your own stdio server goes here

if __name__ == "__main__":
    sys.exit(main(["bridge", "--protocol", "http", "--", *SERVER]))
