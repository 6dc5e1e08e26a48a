"""python -m skerry.servers.accounts stdio | http [--port N].

Without a runtime in front: over HTTP every call but `ping` needs a bearer token for the server, else it
gets a 401 that says where tokens are; over stdio the server acts as its own client.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys

from skerry.errors import ConfigurationError, SkerryError
from skerry.servers.accounts.desk import PART, Desk
from skerry.servers.accounts.server import create_server
from skerry.servers.hosting import PATH, serve_gated
from skerry.servers.listener import bind, url_of
from skerry.settings import AccountsSettings


def main(argv: list[str] | None = None) -> int:
    """Runs the server; the exit code is 0 at the end of input or after a signal."""
    parser = argparse.ArgumentParser(prog="skerry.servers.accounts", description="The accounts MCP server.")
    parser.add_argument("transport", choices=["stdio", "http"])
    parser.add_argument("--port", type=int, default=0, help="for http; 0 lets the system choose")
    options = parser.parse_args(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    logging.getLogger("skerry").setLevel(logging.INFO)
    try:
        settings = _settings()
        if options.transport == "stdio":
            create_server(Desk.of(settings, url="stdio:")).run("stdio", show_banner=False)
        else:
            asyncio.run(_serve(settings, options.port))
    except SkerryError as error:
        print(f"{PART}: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _settings() -> AccountsSettings:
    try:
        return AccountsSettings.from_env(os.environ)
    except ValueError as error:
        raise ConfigurationError(
            f"a number is wrong: {error}.", hint="Check the ACCOUNTS_ variables."
        ) from error


async def _serve(settings: AccountsSettings, port: int) -> None:
    with bind(port) as sock:
        desk = Desk.of(settings, url=url_of(sock) + PATH)
        await serve_gated(create_server(desk), desk.resource, sock, stateful=settings.stateful)


if __name__ == "__main__":
    sys.exit(main())
