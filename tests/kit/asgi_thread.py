"""Any ASGI application on a real loopback socket, in a thread of the test's process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn


class _Server(uvicorn.Server):
    """Says when it listens, so that nobody has to poll."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        connections: list[Any] = list(self.server_state.connections)
        await super().shutdown(sockets)
        for connection in connections:  # over TLS both sides say goodbye, which nobody waits for here
            connection.transport.abort()
        for _ in range(5):  # transports close in one of the next turns of the loop
            await asyncio.sleep(0)


async def body_of(receive: Any) -> bytes:
    """The whole body of a request."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


@contextlib.contextmanager
def serve(
    app: Any,
    *,
    lifespan: str = "on",
    bound: socket.socket | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[str]:
    """Serves `app` on 127.0.0.1 and a free port; gives its base URL without a slash at the end.

        with serve(app) as url:
            httpx2.get(f"{url}/ping")

    The server and its thread end with the block. `bound` is a socket to listen on in place of a fresh one;
    with `tls` the URL is https.
    """
    if bound is None:
        bound = socket.socket()
        bound.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        log_level="error",
        lifespan=lifespan,
        timeout_graceful_shutdown=1,
        ws="none",
        access_log=False,
        proxy_headers=False,
    )
    config.load()
    config.ssl = tls
    server = _Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    try:
        assert server.listening.wait(20), "the server did not start"
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        bound.close()
        assert not thread.is_alive(), "the server did not end"
