"""python -m skerry.servers.guardrails stdio | http [--port N].

Over HTTP it listens on loopback, path /mcp, and takes every caller: put a runtime, or a proxy that
authenticates, in front of it.
"""

from __future__ import annotations

import os
import sys

from skerry.servers import program
from skerry.settings import GuardrailsSettings

PART = "guardrails"


def main(argv: list[str] | None = None) -> int:
    """Runs the server; the exit code is 0 at the end of input or after a signal."""
    return program.run(PART, "The guardrails server.", stdio=_stdio, http=_serve, argv=argv)


# The server is imported late: what is wrong with the settings is told before FastMCP takes its time.


def _stdio() -> None:
    settings = _settings()
    from skerry.servers.guardrails.server import create_server

    create_server(settings).run("stdio", show_banner=False)


async def _serve(port: int) -> None:
    settings = _settings()
    from skerry.servers.guardrails.server import create_server
    from skerry.servers.hosting import serve_open
    from skerry.servers.listener import bind

    server = create_server(settings)
    with bind(port) as sock:
        await serve_open(server, PART, sock)


def _settings() -> GuardrailsSettings:
    return GuardrailsSettings.from_env(os.environ)


if __name__ == "__main__":
    sys.exit(main())
