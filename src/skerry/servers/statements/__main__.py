"""python -m skerry.servers.statements [--port N]: over HTTP on loopback, path /mcp, its pages beside it."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys

from skerry.errors import ConfigurationError
from skerry.servers import program
from skerry.settings import StatementsSettings

PART = "statements"


def main(argv: list[str] | None = None) -> int:
    """Runs the server; the exit code is 0 after a signal."""
    parser = argparse.ArgumentParser(
        prog="skerry.servers.statements", description="The statements MCP server.", allow_abbrev=False
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes PORT, else lets the system choose")
    options = parser.parse_args(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    return program.ended(PART, lambda: asyncio.run(_serve(_settings(), options.port)))


def _settings() -> StatementsSettings:
    try:
        found = StatementsSettings.from_env(os.environ)
    except ValueError as error:
        raise ConfigurationError("PORT is no number.", hint="Leave it out for any free port.") from error
    if not found.issuer:
        raise ConfigurationError(
            "the statements server does not know whose tokens to take.",
            hint="Set STATEMENTS_ISSUER to the issuer's URL.",
        )
    return found


async def _serve(settings: StatementsSettings, port: int) -> None:
    # Imported late: what is wrong with the settings is told before FastMCP takes its time.
    from skerry.auth.moved_clock import clock_of
    from skerry.servers.hosting import PATH, serve_gated
    from skerry.servers.listener import bind, url_of
    from skerry.servers.resource_auth import ResourceAuth
    from skerry.servers.statements.server import create_server
    from skerry.servers.statements.store import Store
    from skerry.servers.url_elicitation import Pages

    with bind(port or settings.port) as sock:
        auth = ResourceAuth.of_issuer(
            url_of(sock) + PATH,
            issuer=settings.issuer,
            audience=settings.audience,
            clock=clock_of(settings.token_clock),
        )
        pages = Pages.of(auth, client_id=settings.client_id, tenant_claim=settings.tenant_claim)
        await serve_gated(create_server(auth, pages, Store()), auth, sock, stateful=True)


if __name__ == "__main__":
    sys.exit(main())
