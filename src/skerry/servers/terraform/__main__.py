"""python -m skerry.servers.terraform stdio | http [--port N].

Over HTTP every call but `ping` needs a bearer token for the server, else it gets a 401 that says where
tokens are; over stdio the server works for whoever started it, with TFE_TOKEN.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys

from skerry.errors import ConfigurationError, SkerryError
from skerry.servers.hosting import PATH, serve_gated
from skerry.servers.listener import bind, url_of
from skerry.settings import TerraformSettings

PART = "terraform"


def main(argv: list[str] | None = None) -> int:
    """Runs the server; the exit code is 0 at the end of input or after a signal."""
    parser = argparse.ArgumentParser(prog="skerry.servers.terraform", description="The Terraform MCP server.")
    parser.add_argument("transport", choices=["stdio", "http"])
    parser.add_argument("--port", type=int, default=0, help="for http; 0 lets the system choose")
    options = parser.parse_args(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    logging.getLogger("skerry").setLevel(logging.INFO)
    try:
        settings = _settings()
        # Here and not above: importing them reads pytfe's part of the environment, which may be wrong.
        from skerry.servers.terraform.desk import Desk
        from skerry.servers.terraform.server import create_server

        if options.transport == "stdio":
            create_server(Desk.of(settings, url="")).run("stdio", show_banner=False)
        else:
            asyncio.run(_serve(settings, options.port))
    except SkerryError as error:
        print(f"{PART}: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _settings() -> TerraformSettings:
    try:
        return TerraformSettings.from_env(os.environ)
    except ValueError as error:
        raise ConfigurationError(
            f"a number is wrong: {error}.", hint="Check the SKERRY_TERRAFORM_ variables."
        ) from error


async def _serve(settings: TerraformSettings, port: int) -> None:
    from skerry.servers.terraform.desk import Desk
    from skerry.servers.terraform.server import create_server

    with bind(port) as sock:
        desk = Desk.of(settings, url=url_of(sock) + PATH)
        assert desk.resource is not None, "a desk with a URL has one"
        await serve_gated(create_server(desk), desk.resource, sock, stateful=settings.stateful)


if __name__ == "__main__":
    sys.exit(main())
