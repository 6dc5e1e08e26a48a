"""The endpoint on a socket: uvicorn on loopback, started and ended in order."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from skerry.local.app import Endpoint, create_app
from skerry.local.http.frame_server import FrameServer
from skerry.local.state import private
from skerry.serving import Server
from skerry.settings import LocalSettings
from skerry.sockets import BACKLOG, bind, loop_factory

LOOPBACK = "127.0.0.1"
KEEP_ALIVE = 30


def url_of(listening: socket.socket) -> str:
    """The base URL of a listening socket, without a slash at its end."""
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextlib.asynccontextmanager
async def serving(endpoint: Endpoint, listening: socket.socket) -> AsyncIterator[Endpoint]:
    """The endpoint started and served on `listening` for as long as the block runs.

    Raises what `Endpoint.start` raises. The end takes GRACE seconds at most for requests that still run.
    """
    listens = asyncio.Event()
    server = Server(
        endpoint,
        listens.set,
        signals=False,  # they are the program's
        ws=FrameServer,
        ws_ping_interval=None,  # on loopback a lost connection is known at once
        lifespan="off",
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE,
    )
    await endpoint.start()
    try:
        task = asyncio.create_task(server.serve(sockets=[listening]))
        waiting = asyncio.create_task(listens.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        try:
            yield endpoint
        finally:
            server.stop()
            await task
    finally:
        await endpoint.close()


def serve(settings: LocalSettings, *, ready: Callable[[Endpoint], None] | None = None) -> None:
    """Runs the endpoint until SIGINT or SIGTERM. Raises SkerryError when it cannot start."""
    with bind(LOOPBACK, settings.port) as listening, asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_until_signal(settings, listening, ready))


async def _until_signal(
    settings: LocalSettings, listening: socket.socket, ready: Callable[[Endpoint], None] | None
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        if sys.platform == "win32":
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
        else:
            loop.add_signal_handler(number, stop.set)
    async with serving(create_app(settings, url=url_of(listening)), listening) as endpoint:
        endpoint.complete()
        if ready is not None:
            ready(endpoint)
        endpoint.warm()
        await stop.wait()


def log_to(path: Path) -> None:
    """Sends skerry's log to a file for its owner only; uvicorn's complaints go there too."""
    private.folder(private.folder(path.parent.parent) / path.parent.name)
    stream = io.TextIOWrapper(private.appending(path), encoding="utf-8", line_buffering=True)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    for name in ("skerry", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False


def announce(endpoint: Endpoint) -> None:
    """Says on standard output, in one JSON line, that the endpoint is ready and where."""
    line = {
        "ready": True,
        "endpoint": endpoint.url,
        "region": endpoint.settings.region,
        "account": endpoint.settings.account,
        "access_key_id": endpoint.developer.access_key_id,
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
