"""uvicorn as skerry's programs run it: it says when it is ready, and ends without failing when it is told to.

The end is SIGTERM, SIGINT, `stop` or, when asked for, the end of standard input, so that nothing is left
behind however the parent ends.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from skerry import stdin
from skerry.serving.one_write import HttpProtocol

GRACE = 2
"""Seconds that open answers have to end in."""


class Server(uvicorn.Server):
    """uvicorn on a bound socket. `on_ready` is called when requests are accepted.

    `signals` says whether SIGINT and SIGTERM end it; without it they are left to the program. `options` are
    further ones of uvicorn's configuration. Headers of a proxy are not believed: there is none.
    """

    def __init__(
        self,
        app: Any,
        on_ready: Callable[[], None] = lambda: None,
        *,
        signals: bool = True,
        **options: Any,
    ) -> None:
        quiet: dict[str, Any] = {
            "http": HttpProtocol,
            "log_config": None,
            "access_log": False,
            "server_header": False,
            "proxy_headers": False,
            "ws": "none",
            "timeout_graceful_shutdown": GRACE,
        }
        super().__init__(uvicorn.Config(app, **{**quiet, **options}))
        self._on_ready = on_ready
        self._signals = signals

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does; then somebody is told."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn does, but without raising the signal again: being told to end is no failure."""
        if not self._signals or threading.current_thread() is not threading.main_thread():
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
        """Ends the server when standard input ends."""
        stdin.when_it_ends(self.stop)
