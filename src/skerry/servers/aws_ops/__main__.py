"""python -m skerry.servers.aws_ops schema | policy | stdio | http [--port N] | call TOOL '{json}'."""

from __future__ import annotations

import argparse
import json
import os
import sys

from skerry.errors import RemoteError, ServiceError
from skerry.servers.aws_ops.registry import Registry
from skerry.settings import AwsOpsSettings


def main(argv: list[str] | None = None) -> int:
    """Runs one of the commands; returns the exit code."""
    parser = argparse.ArgumentParser(prog="skerry.servers.aws_ops", description="Read-only AWS tools.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("schema", help="print the inlinePayload of a Gateway's Lambda target")
    commands.add_parser("policy", help="print the IAM policy that a role needs for the tools")
    commands.add_parser("stdio", help="serve MCP on standard input and output")
    http = commands.add_parser("http", help="serve MCP on http://127.0.0.1:PORT/mcp")
    http.add_argument("--port", type=int, default=8000)
    call = commands.add_parser("call", help="call one tool and print its answer")
    call.add_argument("tool")
    call.add_argument("arguments", nargs="?", default="{}")
    options = parser.parse_args(argv)
    registry = Registry(AwsOpsSettings.from_env(os.environ))
    if options.command in ("schema", "policy"):
        printed = registry.gateway_schema() if options.command == "schema" else registry.policy()
        print(json.dumps(printed, indent=2))
        return 0
    if options.command == "call":
        return _call(registry, options.tool, options.arguments)
    from skerry.servers.aws_ops.server import create_server

    server = create_server(registry)
    if options.command == "stdio":
        server.run("stdio", show_banner=False)
    else:
        server.run("http", show_banner=False, host="127.0.0.1", port=options.port, stateless_http=True)
    return 0


def _call(registry: Registry, tool: str, text: str) -> int:
    try:
        print(json.dumps(registry.call(tool, json.loads(text)), indent=2, ensure_ascii=False))
    except ValueError as error:
        print(f"The arguments are not JSON: {error}.", file=sys.stderr)
        return 2
    except (ServiceError, RemoteError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
