"""A pool of processes started ahead: for systems and programs where forking is not safe.

Each is prepared like a warm parent, by importing what the program imports, and becomes the program of one
session. A program that is not Python's is not prepared: its process only waits for the order. With size 0
every session starts a process of its own and waits for it.
"""

from __future__ import annotations

import asyncio
import signal

from skerry.errors import ProgramError
from skerry.local.runtime.hosts.program import OnLine, Program, Started, message_line
from skerry.processes import start


class PoolHost:
    """Keeps `size` prepared processes and starts the next one when one is taken."""

    def __init__(self, program: Program, *, size: int) -> None:
        self._program = program
        self._size = size
        self._idle: list[asyncio.Task[tuple[Started, list[OnLine]]]] = []
        self._all: set[Started] = set()
        self._closed = False

    async def prepare(self) -> None:
        """Fills the pool; returns when the first process is ready."""
        self._refill()
        if self._idle:
            await asyncio.shield(self._idle[0])

    async def take(self, on_line: OnLine) -> Started:
        """The oldest idle process, or a new one where the pool is empty."""
        while self._idle:
            started, listeners = await self._idle.pop(0)
            if not started.ended.done():
                break
        else:
            started, listeners = await self._start()
        listeners.append(on_line)
        for earlier in started.output.lines:
            on_line(earlier)
        self._refill()
        return started

    async def close(self) -> None:
        """Ends idle and running processes."""
        self._closed = True
        idle, self._idle = self._idle, []
        for task in idle:
            task.cancel()
        await asyncio.gather(*idle, return_exceptions=True)
        await asyncio.gather(*(started.stop(0) for started in list(self._all)))

    def _refill(self) -> None:
        while not self._closed and len(self._idle) < self._size:
            self._idle.append(asyncio.create_task(self._start()))

    async def _start(self) -> tuple[Started, list[OnLine]]:
        program = self._program
        listeners: list[OnLine] = []

        def on_line(text: str) -> None:
            for listener in listeners:
                listener(text)

        process = await start(
            program.starter,
            cwd=program.folder,
            env=program.environment,
            on_line=on_line,
            control=True,
        )
        assert process.reader is not None
        assert process.writer is not None
        started = Started(
            pid=process.pid,
            reader=process.reader,
            writer=process.writer,
            output=process.output,
            ended=asyncio.ensure_future(process.wait()),
            send=lambda number: process.signal(force=number != signal.SIGTERM),
        )
        self._all.add(started)
        started.ended.add_done_callback(lambda _: self._all.discard(started))
        try:
            process.writer.write(message_line(program.order()))
            ready = await process.reader.readline()
        except BaseException:
            process.signal(force=True)
            raise
        if not ready:
            await started.ended
            raise ProgramError(
                f"{program.starter[0]} cannot prepare the program.", hint=process.output.last()
            )
        return started, listeners
