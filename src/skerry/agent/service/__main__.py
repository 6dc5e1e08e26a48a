"""python -m skerry.agent.service [--watch-stdin].

Serves the agent on PORT of 127.0.0.1 until SIGTERM, SIGINT or, with --watch-stdin, the end of standard input.
The first line of standard output is `{"ready": true, "url": …}`. Behind the Lambda web adapter set
SKERRY_SERVICE_AUTH=iam and AWS_LWA_READINESS_CHECK_PATH=/health.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import socket
import sys

import httpx2

from skerry.agent.service.app import build
from skerry.agent.sources import desk
from skerry.auth.http.transport import Transport
from skerry.errors import SkerryError
from skerry.serving import Server
from skerry.settings import ServiceSettings
from skerry.sockets import bind, loop_factory

MAX_CONNECTIONS = 1000
IDLE = 60.0
"""Seconds after which a conversation's connection to the gateway is closed: there may be many of them."""

_log = logging.getLogger("skerry.agent")


def main(argv: list[str] | None = None) -> int:
    """Runs the service; the exit code is 0 after a signal, else that of the error told in one line."""
    parser = argparse.ArgumentParser(prog="skerry.agent.service", description="The agent as a web service.")
    parser.add_argument("--watch-stdin", action="store_true", help="end when standard input ends")
    options = parser.parse_args(argv)
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("skerry").setLevel(logging.INFO)
    try:
        settings = ServiceSettings.from_env(os.environ)
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_serve(settings, watch_stdin=options.watch_stdin))
    except SkerryError as error:
        print(f"agent service: {error}", file=sys.stderr)
        return error.exit_code
    return 0


async def _serve(settings: ServiceSettings, *, watch_stdin: bool) -> None:
    if settings.auth == "none":
        _log.warning("nobody has to prove who he is (SKERRY_SERVICE_AUTH=none): for this machine only.")
    made = desk(settings.agent, lease=settings.lease, idle=IDLE)
    async with httpx2.AsyncClient(trust_env=False) as client:
        app = build(settings, made, fetch=Transport(client).fetch)
        with bind(settings.host, settings.port) as listening:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            server = _Server(app, lambda: _ready(url), limit_concurrency=MAX_CONNECTIONS)
            if watch_stdin:
                server.stop_with_stdin()
            await server.serve(sockets=[listening])


class _Server(Server):
    """Ends its answers before it waits for their listeners."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends the answers, then as uvicorn does."""
        await self.config.app.state.operations.close()  # type: ignore[union-attr]
        await super().shutdown(sockets)


def _ready(url: str) -> None:
    print(json.dumps({"ready": True, "service": "agent", "url": url}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
