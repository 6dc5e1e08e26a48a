"""Moves what a Python program binds to its contract port to a free port of the loopback.

Stands alone like `bootstrap.py`, which loads it by path: standard library only, Python 3.10 or newer.
`node_preload.cjs` does the same for Node.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from typing import Any

Report = Callable[[dict[str, Any]], object]


def move(contract: int, report: Report) -> None:
    """Makes every bind to the contract port take a free one of the loopback; reports it on listen."""
    bind, listen = socket.socket.bind, socket.socket.listen
    loopback = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
    moved: set[int] = set()

    def bind_free(self: socket.socket, address: Any) -> None:
        if self.family in loopback and address[1] == contract:
            bind(self, (loopback[self.family], 0, *address[2:]))
            moved.add(self.getsockname()[1])
        else:
            bind(self, address)

    def tell(sock: socket.socket) -> None:
        name = sock.getsockname() if sock.family in loopback else ("", 0)
        if name[1] in moved:
            report({"host": name[0], "port": name[1]})

    def listen_and_tell(self: socket.socket, *backlog: int) -> None:
        listen(self, *backlog)
        tell(self)

    socket.socket.bind = bind_free  # type: ignore[method-assign,assignment]
    socket.socket.listen = listen_and_tell  # type: ignore[method-assign,assignment]
    uvloop = sys.modules.get("uvloop")
    if uvloop is None:
        return
    create_server = uvloop.Loop.create_server  # it binds and listens in C, so it gets a bound socket

    async def create_server_here(
        self: Any, factory: Any, host: Any = None, port: Any = None, *, sock: Any = None, **options: Any
    ) -> Any:
        if sock is not None or port != contract:
            return await create_server(self, factory, host, port, sock=sock, **options)
        for name in ("family", "flags", "reuse_address", "reuse_port"):
            options.pop(name, None)
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sock.bind(("127.0.0.1", contract))
        server = await create_server(self, factory, sock=sock, **options)
        tell(sock)
        return server

    uvloop.Loop.create_server = create_server_here
