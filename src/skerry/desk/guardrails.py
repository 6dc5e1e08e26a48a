"""The guardrails MCP server as a program for a runtime of protocol MCP: port 8000, path /mcp.

The runtime in front has checked the signature or the token; the server needs to know no caller.
"""

import logging
import os
import sys

from skerry.errors import SkerryError
from skerry.servers.guardrails.server import create_server
from skerry.settings import GuardrailsSettings

PATH = "/mcp"


def main() -> int:
    """Serves until it is told to end; a wrong setting is told in one line."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    try:
        settings = GuardrailsSettings.from_env(os.environ)
    except SkerryError as error:
        print(f"guardrails: {error}", file=sys.stderr)  # noqa: T201 - a program's last words
        return 2
    create_server(settings).run(
        "http",
        host=settings.host,
        port=settings.port,
        path=PATH,
        stateless_http=True,
        show_banner=False,
        uvicorn_config={"access_log": False, "log_level": "warning"},
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
