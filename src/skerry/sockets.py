"""What a server listens on, and the event loop that it runs in."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import socket
from collections.abc import Callable
from typing import Any

from skerry.errors import PortInUseError

BACKLOG = 1024
_NOT_GIVEN_AWAY = range(20_000, 32_768)
"""Ports that systems give nobody who asks for any: Linux begins at 32768, macOS and Windows at 49152."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises PortInUseError."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # The protocol is named so that asyncio turns Nagle off: else a second write waits 40 ms for an ACK.
        listening = socket.socket(family, kind, socket.IPPROTO_TCP)
    except OSError as error:
        raise PortInUseError(f"cannot listen on {host}: {error.strerror}.", hint="Check --host.") from error
    try:
        if os.name == "posix":  # elsewhere this option would let two programs share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise PortInUseError(
            f"port {port} of {host} cannot be used: {error.strerror}.",
            hint="Stop the program that has it, or pick another one with --port N (0 takes any free one).",
        ) from error
    return listening


def spare_port(before: int = 0) -> int:
    """A port of the loopback that another program can listen on, once it has started.

    `before` when nobody listens on it, else one that the system does not give to anybody meanwhile.
    """
    for port in (*([before] if before else []), *random.sample(_NOT_GIVEN_AWAY, 16)):
        with contextlib.suppress(PortInUseError), bind("127.0.0.1", port):
            return port
    with bind("127.0.0.1", 0) as probe:
        return int(probe.getsockname()[1])


def loop_factory() -> Callable[[], Any] | None:
    """The event loop of uvloop where that is installed, else None for the one of asyncio."""
    if importlib.util.find_spec("uvloop") is None:
        return None
    import uvloop

    factory: Callable[[], Any] = uvloop.new_event_loop
    return factory
