"""python -m skerry.servers.terraform stdio | http [--port N].

Over HTTP every call but `ping` needs a bearer token for the server, else it gets a 401 that says where
tokens are; over stdio the server works for whoever started it, with TFE_TOKEN.
"""

from __future__ import annotations

import os
import sys

from skerry.errors import ConfigurationError
from skerry.servers import program
from skerry.servers.terraform.checks import check
from skerry.settings import TerraformSettings

PART = "terraform"


def main(argv: list[str] | None = None) -> int:
    """Runs the server; the exit code is 0 at the end of input or after a signal."""
    return program.run(PART, "The Terraform MCP server.", stdio=_stdio, http=_serve, argv=argv)


# The desk and the server are imported late: what is wrong with the settings is told before FastMCP and pytfe
# take their time, and importing pytfe reads its own part of the environment, which may be wrong.


def _stdio() -> None:
    settings = _settings(served=False)
    from skerry.servers.terraform.desk import Desk
    from skerry.servers.terraform.server import create_server

    create_server(Desk.of(settings, url="")).run("stdio", show_banner=False)


def _settings(*, served: bool) -> TerraformSettings:
    try:
        settings = TerraformSettings.from_env(os.environ)
    except ValueError as error:
        raise ConfigurationError(
            f"a number is wrong: {error}.", hint="Check the SKERRY_TERRAFORM_ variables."
        ) from error
    check(settings, served=served)
    return settings


async def _serve(port: int) -> None:
    settings = _settings(served=True)
    from skerry.servers.hosting import PATH, serve_gated
    from skerry.servers.listener import bind, url_of
    from skerry.servers.resource_auth import ResourceAuth
    from skerry.servers.terraform.desk import Desk
    from skerry.servers.terraform.server import create_server

    with bind(port) as sock:
        desk = Desk.of(settings, url=url_of(sock) + PATH)
        assert desk.resource is not None, "a desk with a URL has one"
        auth = ResourceAuth(desk.resource, open_ping=True)
        await serve_gated(create_server(desk), auth, sock, stateful=settings.stateful)


if __name__ == "__main__":
    sys.exit(main())
