"""The bridge on its sockets: from listening to the orderly end."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from skerry.bridge.child import Program
from skerry.bridge.front import Door, Front
from skerry.bridge.health import Health
from skerry.bridge.launcher import Launcher
from skerry.bridge.post import Contract
from skerry.bridge.programs import Programs
from skerry.bridge.sessions import Sessions
from skerry.serving import Server
from skerry.sockets import BACKLOG, loop_factory

log = logging.getLogger(__name__)

KEEP_ALIVE = 75
GRACE = 7.0
"""Seconds that calls in flight get when the bridge is asked to end: a container has ten in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Processes of the program; seconds after which an unused session ends and a silent probe is given up."""

    max_children: int
    idle: float
    shared: bool
    probe: float


class Bridge:
    """A program behind the contract: made with its listening sockets, run until it is told to end."""

    def __init__(
        self,
        program: Program,
        limits: Limits,
        listening: Sequence[tuple[socket.socket, frozenset[Contract]]],
    ) -> None:
        self._launcher = Launcher(program, max_children=limits.max_children)
        self._programs = Programs(self._launcher, shared=limits.shared, probe=limits.probe)
        self._sessions = Sessions(idle=limits.idle)
        self._launcher.make_room = self._sessions.make_room
        self._health = Health(lambda: self._launcher.trouble)
        self._sockets = [each for each, _ in listening]
        hosts = {each.getsockname()[0] for each in self._sockets}
        door = Door(
            contracts={each.getsockname()[1]: contracts for each, contracts in listening},
            max_message=program.max_message,
            loopback=hosts <= {"127.0.0.1", "::1"},
        )
        self._front = Front(self._programs, self._sessions, self._health, door)

    async def run(self, stop: asyncio.Event, at_once: asyncio.Event) -> None:
        """Serves until `stop`; then lets calls in flight finish for GRACE seconds, or until `at_once`."""
        server = Server(
            self._front,
            signals=False,  # they are the program's
            lifespan="off",
            date_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE,
        )
        await self._launcher.warm()
        serving = asyncio.create_task(server.serve(sockets=self._sockets))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        self._front.drain()
        await self._finish_calls(at_once)
        await self._sessions.close()
        await self._programs.close()
        await self._launcher.close()
        server.stop()
        await serving

    async def _finish_calls(self, at_once: asyncio.Event) -> None:
        waits = [asyncio.create_task(event.wait()) for event in (at_once, self._health.quiet)]
        await asyncio.wait(waits, timeout=GRACE, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if self._health.calls:
            log.warning("%d calls did not finish in time and end now", self._health.calls)


def serve(
    program: Program,
    limits: Limits,
    listening: Sequence[tuple[socket.socket, frozenset[Contract]]],
    ready: Callable[[], None],
) -> None:
    """Runs the bridge until SIGINT or SIGTERM; a second one ends it without waiting for calls."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_until_signal(program, limits, listening, ready))


async def _until_signal(
    program: Program,
    limits: Limits,
    listening: Sequence[tuple[socket.socket, frozenset[Contract]]],
    ready: Callable[[], None],
) -> None:
    stop, at_once = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        (at_once if stop.is_set() else stop).set()

    for number in (signal.SIGINT, signal.SIGTERM):
        if sys.platform == "win32":
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(end))
        else:
            loop.add_signal_handler(number, end)
    bridge = Bridge(program, limits, listening)
    ready()
    await bridge.run(stop, at_once)
