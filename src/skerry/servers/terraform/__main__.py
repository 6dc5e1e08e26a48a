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

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from skerry.auth.challenge import WELL_KNOWN
from skerry.errors import ConfigurationError, SkerryError
from skerry.servers.bearer_gate import BearerGate
from skerry.servers.listener import Server, bind, url_of
from skerry.settings import TerraformSettings

PART = "terraform"
PATH = "/mcp"


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
        resource = desk.resource
        assert resource is not None, "a desk with a URL has one"
        server = create_server(desk)

        async def metadata(_: Request) -> Response:
            return JSONResponse(resource.metadata.document())

        for place in (resource.metadata_path, WELL_KNOWN):
            server.custom_route(place, methods=["GET"])(metadata)
        gate = Middleware(BearerGate, resource=resource, path=PATH)
        app = server.http_app(path=PATH, stateless_http=not settings.stateful, middleware=[gate])
        await Server(app, {"service": PART, "url": resource.url}).serve(sockets=[sock])


if __name__ == "__main__":
    sys.exit(main())
