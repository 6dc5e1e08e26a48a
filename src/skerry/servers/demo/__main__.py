"""python -m skerry.servers.demo stateless|stateful [--http PORT]: over stdio, or over Streamable HTTP.

Over HTTP it listens on loopback (path /mcp), or on every address in a container (DOCKER_CONTAINER is
set, as AgentCore's own SDK reads it), and says where on standard output when it is ready.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from mcp.server.mcpserver import MCPServer

from skerry.errors import SkerryError
from skerry.servers.demo import stateful, stateless
from skerry.servers.listener import HOST, announced, bind, url_of
from skerry.serving import Server

PATH = "/mcp"
KINDS = {"stateless": stateless.create_server, "stateful": stateful.create_server}


def main(argv: list[str] | None = None) -> int:
    """Runs a server; the exit code is 0 at the end of input or after a signal, 1 when the port is taken."""
    parser = argparse.ArgumentParser(prog="skerry.servers.demo", description="The demo MCP servers.")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--http", type=int, metavar="PORT", help="Streamable HTTP; 0 lets the system choose")
    options = parser.parse_args(argv)
    server = KINDS[options.kind]()
    try:
        if options.http is None:
            server.run("stdio")
        else:
            host = "0.0.0.0" if os.environ.get("DOCKER_CONTAINER") else HOST
            asyncio.run(_serve(server, options.http, host=host, sessions=options.kind == "stateful"))
    except SkerryError as error:
        print(f"demo: {error} [{error.code}]", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 0
    return 0


async def _serve(server: MCPServer, port: int, *, host: str, sessions: bool) -> None:
    with bind(port, host) as sock:
        app = server.streamable_http_app(streamable_http_path=PATH, stateless_http=not sessions, host=host)
        ready = {"service": f"demo-{'stateful' if sessions else 'stateless'}", "url": url_of(sock) + PATH}
        await Server(app, announced(ready)).serve(sockets=[sock])


if __name__ == "__main__":
    sys.exit(main())
