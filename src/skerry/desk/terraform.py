"""The Terraform MCP server as a program for a runtime of protocol MCP: port 8000, path /mcp.

The runtime in front has checked the bearer token; the tools check it again, because state is kept for
whom it names.
"""

import contextlib
import logging
import os
import sys

from skerry.errors import SkerryError
from skerry.servers.hosting import PATH, serve_in_container
from skerry.settings import TerraformSettings

with contextlib.suppress(SkerryError):  # pytfe reads its part of the environment, which may be wrong
    import skerry.servers.terraform.desk
    import skerry.servers.terraform.server  # noqa: F401  (sessions start fast with what is imported here)


def main() -> int:
    """Serves until it is told to end; a wrong setting is told in one line."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    logging.getLogger("skerry").setLevel(logging.INFO)
    try:
        settings = TerraformSettings.from_env(os.environ)
        # Here too, where what is wrong can be told.
        from skerry.servers.terraform.desk import Desk
        from skerry.servers.terraform.server import create_server

        server = create_server(Desk.of(settings, url=f"http://127.0.0.1:{settings.port}{PATH}"))
    except (SkerryError, ValueError) as error:
        print(f"terraform: {error}", file=sys.stderr)  # noqa: T201 - a program's last words
        return 2
    serve_in_container(server, host=settings.host, port=settings.port, stateful=settings.stateful)
    return 0


if __name__ == "__main__":
    sys.exit(main())
