"""Where a server listens on loopback, and how it says that it is ready."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Callable, Mapping
from typing import Any

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


def announced(ready: Mapping[str, Any]) -> Callable[[], None]:
    """What a program does when it is ready: one JSON line on standard output, `"ready": true` in front."""

    def say() -> None:
        print(json.dumps({"ready": True, **ready}), flush=True)  # noqa: T201 - the contract

    return say
