"""python -m skerry.servers.guardrails stdio | http [--port N].

Over HTTP it listens on loopback, path /mcp, and takes every caller: put a runtime, or a proxy that
authenticates, in front of it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from skerry.errors import SkerryError
from skerry.servers.guardrails.server import PART, create_server
from skerry.servers.listener import announced, bind, url_of
from skerry.serving import Server
from skerry.settings import GuardrailsSettings

PATH = "/mcp"


def main(argv: list[str] | None = None) -> int:
    """Runs the server; the exit code is 0 at the end of input or after a signal."""
    parser = argparse.ArgumentParser(prog="skerry.servers.guardrails", description="The guardrails server.")
    parser.add_argument("transport", choices=["stdio", "http"])
    parser.add_argument("--port", type=int, default=0, help="for http; 0 lets the system choose")
    options = parser.parse_args(argv)
    try:
        settings = GuardrailsSettings.from_env(os.environ)
        if options.transport == "stdio":
            create_server(settings).run("stdio", show_banner=False)
        else:
            asyncio.run(_serve(settings, options.port))
    except SkerryError as error:
        print(f"{PART}: {error}", file=sys.stderr)
        return error.exit_code
    return 0


async def _serve(settings: GuardrailsSettings, port: int) -> None:
    with bind(port) as sock:
        app = create_server(settings).http_app(path=PATH, stateless_http=True, host_origin_protection="auto")
        ready = announced({"service": PART, "url": url_of(sock) + PATH})
        await Server(app, ready).serve(sockets=[sock])


if __name__ == "__main__":
    sys.exit(main())
