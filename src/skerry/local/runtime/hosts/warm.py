"""The warm parent of a runtime version: imports what the program imports, once, and forks sessions.

Messages go over a SEQPACKET socket that is the parent's standard input: an order to fork comes with the
two descriptors of the child, its control channel and the pipe of its output. The parent ends its children,
with everything that they started, when that socket closes. Linux only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from skerry.errors import ProgramError
from skerry.local.runtime.hosts.program import BOOTSTRAP, Compute, Host, OnLine, Program, Started
from skerry.processes import Output, Process, start

assert sys.platform == "linux"  # nobody imports it elsewhere; its types are those of Linux

RESTARTS = 8
"""How many libraries with threads are left out before the pool takes over."""
_MESSAGE = 1 << 16
_DRAIN = 1.0
log = logging.getLogger(__name__)


class ForkHost:
    """Forks sessions from a warm parent; `otherwise` makes the host to use where that is not safe."""

    def __init__(self, program: Program, *, otherwise: Callable[[], Host]) -> None:
        self._program = program
        self._otherwise = otherwise
        self._opening: asyncio.Task[WarmParent | Host] | None = None
        self._spent: list[asyncio.Task[WarmParent | Host]] = []
        self._closed = False

    async def prepare(self) -> None:
        """Starts the warm parent and waits until it has imported."""
        await self._open()

    async def take(self, on_line: OnLine) -> Compute:
        """A fresh fork."""
        where = await self._open()
        return await where.fork(on_line) if isinstance(where, WarmParent) else await where.take(on_line)

    async def close(self) -> None:
        """Ends the parent and all forks."""
        self._closed = True
        openings = [*self._spent, *([self._opening] if self._opening is not None else [])]
        self._opening = None
        self._spent.clear()
        for opening in openings:
            opening.cancel()
            with contextlib.suppress(asyncio.CancelledError, ProgramError):
                await (await opening).close()

    async def _open(self) -> WarmParent | Host:
        if self._closed:
            raise _closing()
        if self._opening is not None and self._opening.done() and not _usable(self._opening):
            self._spent.append(self._opening)
            self._opening = None
        if self._opening is None:
            self._opening = asyncio.create_task(self._start())
        opening = self._opening
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            if opening.cancelled():
                raise _closing() from None
            raise

    async def _start(self) -> WarmParent | Host:
        skip: tuple[str, ...] = ()
        while len(skip) < RESTARTS:
            parent = await WarmParent.start(self._program, skip)
            if parent.threads is None:
                return parent
            log.info(
                "%s starts threads when it is imported: sessions import it themselves",
                parent.threads or "the interpreter",
            )
            if not parent.threads:
                break
            skip += (parent.threads,)
        host = self._otherwise()
        await host.prepare()
        return host


class WarmParent:
    """A running warm parent. `threads` is None when it can fork, else the import that prevents it."""

    threads: str | None = None

    def __init__(self, process: Process, control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._number = 0
        self._learning = True
        self._forking: dict[int, asyncio.Future[tuple[int, asyncio.Future[int]]]] = {}
        self._children: dict[int, asyncio.Future[int]] = {}
        self._watch = asyncio.create_task(self._end())
        asyncio.get_running_loop().add_reader(control.fileno(), self._readable)

    @classmethod
    async def start(cls, program: Program, skip: tuple[str, ...]) -> WarmParent:
        """Starts one and waits until it has imported. Raises ProgramError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                process = await start(
                    [program.python, str(BOOTSTRAP), "warm"],
                    cwd=program.folder,
                    env=program.environment,
                    on_line=lambda text: log.debug("%s: %s", program.entry, text),
                    stdin=theirs.fileno(),
                )
            except BaseException:
                ours.close()
                raise
        ours.setblocking(False)
        parent = cls(process, ours)
        try:
            parent._tell(program.order(skip))
            await parent._ready
        except BaseException:
            await parent.close()
            raise
        if parent.threads is not None:
            await parent.close()
        return parent

    @property
    def running(self) -> bool:
        """Whether it can still fork."""
        return not self._watch.done()

    async def fork(self, on_line: OnLine) -> Started:
        """A new child that waits for its order. Raises ProgramError when the parent is gone."""
        loop = asyncio.get_running_loop()
        output = Output(on_line)
        channel, theirs = socket.socketpair()
        printed, prints = os.pipe()
        reading, _ = await loop.connect_read_pipe(lambda: output, os.fdopen(printed, "rb", buffering=0))
        self._number += 1
        number, forked = self._number, loop.create_future()
        self._forking[number] = forked
        try:
            with theirs:
                self._tell({"fork": number}, theirs.fileno(), prints)
        except BaseException:
            channel.close()
            reading.close()
            raise
        finally:
            os.close(prints)
        try:
            pid, ended = await asyncio.shield(forked)
        except BaseException:
            channel.close()
            reading.close()
            raise
        reader, writer = await asyncio.open_unix_connection(sock=channel)
        return Started(
            pid=pid,
            reader=reader,
            writer=writer,
            output=output,
            ended=asyncio.ensure_future(_drained(ended, output, reading)),
            send=lambda number: self._signal(pid, number),
            learn=self._learn,
        )

    async def close(self) -> None:
        """Closes the channel, upon which the parent ends its children and itself."""
        self._hang_up()
        await asyncio.shield(self._watch)

    def _signal(self, pid: int, number: signal.Signals) -> None:
        """The parent sends it: only the parent knows whether the number still means this child."""
        with contextlib.suppress(ProgramError):
            self._tell({"signal": int(number), "pid": pid})

    def _learn(self, names: list[str]) -> None:
        """Lets the parent import what a session imported late, so that the next one finds it there."""
        if names and self._learning:
            self._learning = False
            with contextlib.suppress(ProgramError):
                self._tell({"learn": names})

    def _tell(self, message: dict[str, Any], *descriptors: int) -> None:
        data = json.dumps(message).encode()
        try:
            socket.send_fds(self._control, [data], descriptors)
        except OSError as problem:
            raise ProgramError(
                "the warm parent of this runtime does not take orders.", hint="Try again."
            ) from problem

    def _readable(self) -> None:
        while True:
            try:
                data = self._control.recv(_MESSAGE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._hang_up()
                return
            self._told(json.loads(data))

    def _told(self, report: dict[str, Any]) -> None:
        if "forked" in report:
            ended = self._children[report["pid"]] = asyncio.get_running_loop().create_future()
            self._forking.pop(report["forked"]).set_result((report["pid"], ended))
        elif "ended" in report:
            self._children.pop(report["ended"]).set_result(report["code"])
        elif "learned" in report:
            if not report["alone"]:
                self.threads = ""
            self._learning = report["learned"]
        elif not self._ready.done():
            self.threads = report.get("threads")
            self._ready.set_result(None)

    def _hang_up(self) -> None:
        if self._control.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._control.fileno())
            self._control.close()

    async def _end(self) -> None:
        """Waits for the parent's end, which is the end of everything that waits for it."""
        await self._process.wait()
        self._hang_up()
        gone = ProgramError(
            "the warm parent of this runtime ended.", hint=self._process.output.last() or "Try again."
        )
        unanswered: list[asyncio.Future[Any]] = [*self._forking.values(), self._ready]
        for waiting in unanswered:
            if not waiting.done():
                waiting.set_exception(gone)
                waiting.exception()  # nobody has to wait for it
        for pid, child in self._children.items():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)  # a child dies with its parent, what it started does not
            child.set_result(-signal.SIGKILL)
        self._forking.clear()
        self._children.clear()


def _closing() -> ProgramError:
    return ProgramError("this version of the runtime is being ended.")


def _usable(opening: asyncio.Task[WarmParent | Host]) -> bool:
    if opening.cancelled() or opening.exception() is not None:
        return False
    where = opening.result()
    return not isinstance(where, WarmParent) or (where.running and where.threads is None)


async def _drained(ended: asyncio.Future[int], output: Output, reading: asyncio.BaseTransport) -> int:
    """The exit code, when what was printed before the end has been read."""
    code = await ended
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN):
            await output.closed.wait()
    reading.close()
    return code
