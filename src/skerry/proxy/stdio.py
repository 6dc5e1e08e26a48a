"""Standard input and output as a transport: bytes in lines, never blocking the event loop.

Pipes, sockets and terminals are watched by the event loop; where the system cannot do that (regular files,
Windows) a thread reads and writes instead. Source: MCP specification, transports (stdio).
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import threading
from collections.abc import Callable
from typing import Any

_CHUNK = 1 << 18
_HIGH = 1 << 20


class Writer:
    """Writes whole messages in the order given. `drain` waits while more than 1 MB is on its way."""

    def __init__(self) -> None:
        self.broken = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def write(self, data: bytes) -> None:
        """Takes a message with its line end; does nothing once the reader has gone."""
        raise NotImplementedError

    async def drain(self) -> None:
        """Returns at once, or when there is room again."""
        if not self._room.is_set():
            await self._room.wait()

    async def close(self) -> None:
        """Waits until everything is written, unless the reader has gone."""
        raise NotImplementedError

    def _gone(self) -> None:
        self.broken.set()
        self._room.set()


class _PipeWriter(Writer, asyncio.Protocol):
    def __init__(self) -> None:
        super().__init__()
        self._transport: Any = None
        self._closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.set_write_buffer_limits(high=_HIGH)

    def write(self, data: bytes) -> None:
        if not self.broken.is_set():
            self._transport.write(data)

    async def close(self) -> None:
        self._transport.close()
        await self._closed.wait()

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's signature)
        self._gone()
        self._closed.set()


class _ThreadWriter(Writer):
    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._descriptor = descriptor
        self._waiting: list[bytes] = []
        self._size = 0
        self._wake = threading.Condition()
        self._ending = False
        self._done = asyncio.Event()
        threading.Thread(target=self._run, name="stdout", daemon=True).start()

    def write(self, data: bytes) -> None:
        with self._wake:
            self._waiting.append(data)
            self._size += len(data)
            if self._size > _HIGH:
                self._room.clear()
            self._wake.notify()

    async def close(self) -> None:
        with self._wake:
            self._ending = True
            self._wake.notify()
        await self._done.wait()

    def _run(self) -> None:
        try:
            while data := self._next():
                view = memoryview(data)
                while view:
                    view = view[os.write(self._descriptor, view) :]
                self._loop.call_soon_threadsafe(self._room.set)
        except OSError:
            self._loop.call_soon_threadsafe(self._gone)
        self._loop.call_soon_threadsafe(self._done.set)

    def _next(self) -> bytes:
        with self._wake:
            while not self._waiting and not self._ending:
                self._wake.wait()
            data = b"".join(self._waiting)
            self._waiting, self._size = [], 0
            return data


class _Reading(asyncio.Protocol):
    def __init__(self, feed: Callable[[bytes], None], ended: Callable[[], None]) -> None:
        self._feed = feed
        self._ended = ended

    def data_received(self, data: bytes) -> None:
        self._feed(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's signature)
        self._ended()


async def read(descriptor: int, feed: Callable[[bytes], None], ended: Callable[[], None]) -> None:
    """Gives what arrives on a descriptor to `feed`, on the event loop, and calls `ended` at its end."""
    loop = asyncio.get_running_loop()
    if _watchable(descriptor):
        pipe = os.fdopen(descriptor, "rb", buffering=0)
        await loop.connect_read_pipe(lambda: _Reading(feed, ended), pipe)
        return

    def run() -> None:
        try:
            while data := os.read(descriptor, _CHUNK):
                loop.call_soon_threadsafe(feed, data)
        except OSError:
            pass
        except RuntimeError:  # the loop has closed: nobody listens any more
            return
        loop.call_soon_threadsafe(ended)

    threading.Thread(target=run, name="stdin", daemon=True).start()


async def writer(descriptor: int) -> Writer:
    """A writer for a descriptor."""
    if not _watchable(descriptor):
        return _ThreadWriter(descriptor)
    pipe = os.fdopen(descriptor, "wb", buffering=0)
    _, protocol = await asyncio.get_running_loop().connect_write_pipe(_PipeWriter, pipe)
    return protocol


def claim() -> tuple[int, int]:
    """Standard input and output for the protocol alone, as descriptors of their own.

    What else runs in this process, or is started by it (a credential process, a token command), reads
    nothing and prints to standard error.
    """
    mine = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return mine


def _watchable(descriptor: int) -> bool:
    if sys.platform == "win32":
        return False
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)
