"""`skerry aws-ops`: the AWS tools as a program: their schema, their policy, an MCP server, one call."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from typing import Any

from skerry.errors import ArgumentsError, ConfigurationError, ServiceError
from skerry.servers.aws_ops import table
from skerry.servers.aws_ops.registry import Registry
from skerry.settings import AwsOpsSettings

_WRONG = frozenset({"ValidationException", "ResourceNotFoundException"})
"""What a tool says to arguments that do not fit, and the registry to the name of a tool that there is not."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("schema", help="print the inlinePayload of a Gateway's Lambda target")
    commands.add_parser("policy", help="print the IAM policy that a role needs for the tools")
    commands.add_parser("stdio", help="serve MCP on standard input and output")
    http = commands.add_parser("http", help="serve MCP on http://127.0.0.1:PORT/mcp")
    http.add_argument("--port", type=int, default=8000, help="0 takes any free one (default: %(default)s)")
    for name, what in (("call", "as JSON"), ("table", "as a table")):
        one = commands.add_parser(name, help=f"call one tool and print its answer {what}")
        one.add_argument("tool", help="its name, or the service alone: ec2")
        one.add_argument("arguments", nargs="?", default="{}", help="a JSON object (default: {})")


def run(options: argparse.Namespace) -> int:
    registry = Registry(AwsOpsSettings.from_env(os.environ))
    match options.command:
        case "schema":
            _print(registry.gateway_schema())
        case "policy":
            _print(registry.policy())
        case "call":
            _print(_called(registry, options))
        case "table":
            print(table.render(_called(registry, options)))
        case _:
            _serve(registry, options)
    return 0


def _called(registry: Registry, options: argparse.Namespace) -> dict[str, Any]:
    try:
        arguments = json.loads(options.arguments)
    except ValueError as error:
        raise ConfigurationError(
            f"The arguments are not JSON: {error}.",
            hint="""Write an object in single quotes: '{"operation": "list_instances"}'.""",
        ) from error
    tool = options.tool if options.tool in registry.tools else f"{options.tool}_read_operations"
    try:
        return registry.call(tool if tool in registry.tools else options.tool, arguments)
    except ServiceError as refused:  # what AWS itself refuses is a RemoteError
        if refused.name not in _WRONG:
            raise
        raise ArgumentsError(refused.message, hint=refused.hint) from refused


def _serve(registry: Registry, options: argparse.Namespace) -> None:
    from skerry.servers.aws_ops.server import create_server

    if options.command == "stdio":
        create_server(registry).run("stdio", show_banner=False, log_level="WARNING")
    else:
        asyncio.run(_serve_http(registry, options.port))


async def _serve_http(registry: Registry, port: int) -> None:
    """Says in a JSON line when it is ready. Raises PortInUseError."""
    from skerry.servers.aws_ops.server import create_server
    from skerry.servers.hosting import serve_open
    from skerry.servers.listener import bind

    with bind(port) as sock:
        await serve_open(create_server(registry), "aws-ops", sock)


def _print(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))
