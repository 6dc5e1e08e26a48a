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
import signal
import socket
import sys
from typing import Any

import httpx2
import uvicorn

from skerry.agent.service.app import build
from skerry.agent.sources import desk
from skerry.auth.transport import Transport
from skerry.errors import SkerryError
from skerry.settings import ServiceSettings
from skerry.sockets import bind, loop_factory

GRACE = 2
"""Seconds that open answers have to end in when the service is told to."""
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
            server = _Server(app, listening)
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, server.stop)
            if watch_stdin:
                loop.run_in_executor(None, _until_end, loop, server)
            await server.serve(sockets=[listening])


class _Server(uvicorn.Server):
    """uvicorn that says when it is ready and ends its answers before it waits for their listeners."""

    def __init__(self, app: Any, listening: socket.socket) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                ws="none",
                proxy_headers=False,
                limit_concurrency=MAX_CONNECTIONS,
                timeout_graceful_shutdown=GRACE,
            )
        )
        self._operations = app.state.operations
        self._url = f"http://127.0.0.1:{listening.getsockname()[1]}"

    def install_signal_handlers(self) -> None:
        """The program has its own."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does; then the line that says so."""
        await super().startup(sockets)
        if self.started:
            print(json.dumps({"ready": True, "service": "agent", "url": self._url}), flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends the answers, then as uvicorn does."""
        await self._operations.close()
        await super().shutdown(sockets)

    def stop(self) -> None:
        self.should_exit = True


def _until_end(loop: asyncio.AbstractEventLoop, server: _Server) -> None:
    """Ends the server when standard input ends; reads the descriptor, for a sleeping reader holds a lock."""
    while os.read(0, 65_536):
        pass
    loop.call_soon_threadsafe(server.stop)


if __name__ == "__main__":
    sys.exit(main())
