"""Serves an ASGI application on loopback: says when it is ready, and ends when it is told to.

Ready is one JSON line on standard output. The end is SIGTERM, SIGINT, or, when asked for, the end of
standard input, so that nothing is left behind however the parent ends.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from skerry.errors import PortInUseError

HOST = "127.0.0.1"


def bind(port: int, host: str = HOST) -> socket.socket:
    """A bound socket; port 0 lets the system choose. Raises PortInUseError."""
    # The protocol is named so that asyncio turns Nagle off: else a second write waits 40 ms for an ACK.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere this option would let two programs share a port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except (OSError, OverflowError) as error:
        sock.close()
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        why = "is taken" if taken else f"cannot be used ({error})"
        raise PortInUseError(f"port {port} {why}.", hint="Choose another one, or 0 for any.") from error
    return sock


def url_of(sock: socket.socket) -> str:
    """The base URL of a bound socket, for callers on this machine."""
    return f"http://{HOST}:{sock.getsockname()[1]}"


class Server(uvicorn.Server):
    """uvicorn on a bound socket, ended by signals without failing."""

    def __init__(self, app: Any, ready: dict[str, Any] | None = None) -> None:
        """`ready` is printed, with `"ready": true` in front, when requests are accepted."""
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                ws="none",
                timeout_graceful_shutdown=2,
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does; then the line that says so."""
        await super().startup(sockets)
        if self.started and self._ready is not None:
            print(json.dumps({"ready": True, **self._ready}), flush=True)  # noqa: T201 - the contract

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn does, but without raising the signal again: being told to end is no failure."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def stop(self) -> None:
        """Asks the server to end; may be called from any thread."""
        self.should_exit = True

    def stop_with_stdin(self) -> None:
        """Ends the server when standard input ends.

        Reads the descriptor itself: a thread that sleeps in `sys.stdin` would hold its lock and break
        the interpreter's exit.
        """

        def watch() -> None:
            with contextlib.suppress(OSError, ValueError):
                descriptor = sys.stdin.fileno()
                while os.read(descriptor, 65_536):
                    pass
            self.stop()

        threading.Thread(target=watch, name="watch-stdin", daemon=True).start()
